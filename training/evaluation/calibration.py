"""Expected calibration error of all probabilities, in bins of equal mass.

    ECE = 1/N sum_b | sum of the probabilities in bin b - number of assigned codes in bin b |

over N cells (document, code), Nixon et al. 2019 ("adaptive calibration error", without a mean over classes). A cell
lies in bin floor(BINS * cells with a lower probability / N): bins hold equally many cells, and equal probabilities
stay together. Probabilities count in float32.

Codes are rare: of MIMIC-III's cells 0.2% are assigned. Hence 100 bins, so that the assigned ones are not all in the
last of ten, and hence a small number: compare it with the share of assigned cells, which is what a coder that
always answers 0 reaches.
"""

import numpy as np

from training.evaluation.gold import Gold
from training.evaluation.score_matrix import over_blocks

BINS = 100
_LOW_BITS = 16
_BUCKETS = (0x3F800000 >> _LOW_BITS) + 1
"""Buckets of the bits of float32 from 0 to 1: these bits, read as whole numbers, have the order of the floats."""


def expected_calibration_error(
    scores: np.ndarray, gold: Gold, columns: np.ndarray | None = None, bins: int = BINS
) -> float | None:
    """The error over the columns, all when None; None without cells or where a score is no probability.

    Two passes by blocks and no sort: counts by bucket of float32 say in which buckets the borders of the bins lie,
    and only the cells of those buckets are looked at one by one.

    Args:
        scores: (n, L) without NaN.
    """
    cells = gold.num_documents * (gold.num_labels if columns is None else columns.size)
    if not cells or scores.min() < 0 or scores.max() > 1:
        return None
    view = _Blocks(scores, columns)
    counts, sums = view.by_bucket()
    ranks = -(-np.arange(1, bins, dtype=np.int64) * cells // bins) - 1  # of the highest cell below each border
    at = np.searchsorted(np.cumsum(counts), ranks, "right")
    split = np.zeros(_BUCKETS, dtype=bool)
    split[at] = True
    values, multiples = view.values_in(split)
    before = np.where(split, 0, counts)
    borders = _order_statistics(ranks, before, at, values, multiples)
    whole = np.flatnonzero(~split)
    bin_of_bucket = np.searchsorted(at, whole, "left")
    bin_of_value = np.searchsorted(borders, values, "left")
    probability = np.bincount(bin_of_bucket, weights=sums[whole], minlength=bins)
    probability += np.bincount(bin_of_value, weights=values.astype(np.float64) * multiples, minlength=bins)
    own = scores[gold.rows, gold.columns].astype(np.float32)
    if columns is not None:
        own = own[gold.within(columns)]
    assigned = np.bincount(np.searchsorted(borders, own, "left"), minlength=bins)
    return float(np.abs(probability - assigned).sum() / cells)


def _order_statistics(
    ranks: np.ndarray, whole_counts: np.ndarray, at: np.ndarray, values: np.ndarray, multiples: np.ndarray
) -> np.ndarray:
    """The cells at the ranks, which lie in buckets whose values are known with their multiples."""
    unsplit = np.cumsum(whole_counts)[at]  # cells of whole buckets below
    found: np.ndarray = values[np.searchsorted(np.cumsum(multiples), ranks - unsplit, "right")]
    return found


class _Blocks:
    """Some columns of a matrix of probabilities, walked in blocks as the bits of float32."""

    def __init__(self, scores: np.ndarray, columns: np.ndarray | None) -> None:
        self._scores = scores
        self._columns = columns
        self._width = scores.shape[1] if columns is None else columns.size

    def by_bucket(self) -> tuple[np.ndarray, np.ndarray]:
        """Cells and sum of the probabilities of every bucket, (_BUCKETS,) each."""
        counts, sums = np.zeros(_BUCKETS, dtype=np.int64), np.zeros(_BUCKETS)

        def count(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            block = self._block(start, stop)
            buckets = (block.view(np.uint32) >> _LOW_BITS).astype(np.intp)
            return np.bincount(buckets, minlength=_BUCKETS), np.bincount(buckets, block, _BUCKETS)

        for block_counts, block_sums in over_blocks(count, self._scores.shape[0], self._width):
            counts += block_counts
            sums += block_sums
        return counts, sums

    def values_in(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct probabilities, rising, in the wanted buckets, and the number of cells of each."""

        def find(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            block = self._block(start, stop)
            return np.unique(block[wanted[block.view(np.uint32) >> _LOW_BITS]], return_counts=True)

        parts = over_blocks(find, self._scores.shape[0], self._width)
        values, place = np.unique(np.concatenate([values for values, _ in parts]), return_inverse=True)
        multiples = np.bincount(place, np.concatenate([numbers for _, numbers in parts])).astype(np.int64)
        return values, multiples

    def _block(self, start: int, stop: int) -> np.ndarray:
        block = self._scores[start:stop]
        if self._columns is not None:
            block = block[:, self._columns]
        return np.abs(block.astype(np.float32, copy=False)).ravel()  # abs: -0.0 has the bits of a high number
