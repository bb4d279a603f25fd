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
from training.evaluation.score_matrix import block_results

BINS = 100
_DIGITS = (16, 8, 0)
"""Lowest bit of each digit of a float32: from 0 to 1 its bits, read as a whole number, have the order of the floats."""
_FIRST = (0x3F800000 >> _DIGITS[0]) + 1  # values of the first digit
_NEXT = 256  # values of the others


def expected_calibration_error(
    scores: np.ndarray, gold: Gold, columns: np.ndarray | None = None, bins: int = BINS
) -> float | None:
    """The error over the columns, all when None; None without cells or where a score is no probability.

    Args:
        scores: (n, L) without NaN.
    """
    cells = gold.num_documents * (gold.num_labels if columns is None else columns.size)
    if not cells or scores.min() < 0 or scores.max() > 1:
        return None
    ranks = -(-np.arange(1, bins, dtype=np.int64) * cells // bins) - 1  # of the highest cell below each border
    probability, borders = _sums_between(scores, columns, ranks)
    own = scores[gold.rows, gold.columns].astype(np.float32)
    if columns is not None:
        own = own[gold.within(columns)]
    assigned = np.bincount(np.searchsorted(borders, own, "left"), minlength=bins)
    return float(np.abs(probability - assigned).sum() / cells)


def _sums_between(scores: np.ndarray, columns: np.ndarray | None, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the cells up to each border and above the last, (ranks + 1,), and the borders: the cells at the ranks.

    A radix selection, without a sort: cells are counted by their first digit, which tells the digit of every border;
    only the cells that share it are counted by their second digit, and so on.
    """
    sums = np.zeros(ranks.size + 1)
    slots: list[np.ndarray] = []
    prefixes: np.ndarray = np.arange(_FIRST, dtype=np.uint32)
    for digit in range(len(_DIGITS)):
        counts, totals = _by_prefix(scores, columns, slots, prefixes.size)
        at = np.searchsorted(np.cumsum(counts), ranks, "right")
        divided = np.zeros(prefixes.size, dtype=bool)
        divided[at] = digit + 1 < len(_DIGITS)
        whole = np.flatnonzero(~divided)
        sums += np.bincount(np.searchsorted(at, whole, "left"), totals[whole], sums.size)
        if not divided.any():
            break
        ranks = ranks - np.cumsum(np.where(divided, 0, counts))[at]
        slots.append(np.where(divided, np.cumsum(divided) - 1, -1))
        prefixes = (prefixes[divided][:, None] * _NEXT + np.arange(_NEXT, dtype=np.uint32)).ravel()
    borders: np.ndarray = prefixes[at].view(np.float32)
    return sums, borders


def _by_prefix(
    scores: np.ndarray, columns: np.ndarray | None, slots: list[np.ndarray], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cells and their sum for every value of the digits so far, (size,) each, among the cells that have a slot."""

    def count(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        block = scores[start:stop] if columns is None else scores[start:stop, columns]
        flat = np.abs(block.astype(np.float32, copy=False)).ravel()  # abs: -0.0 has the sign's bit
        bits: np.ndarray = flat.view(np.uint32)
        key = (bits >> _DIGITS[0]).astype(np.intp)
        for slot, shift in zip(slots, _DIGITS[1:], strict=False):
            below = slot[key]
            inside = below >= 0
            bits = bits[inside]
            key = below[inside] * _NEXT + ((bits >> shift) & (_NEXT - 1))
        return np.bincount(key, minlength=size), np.bincount(key, bits.view(np.float32), size)

    counts, sums = np.zeros(size, dtype=np.int64), np.zeros(size)
    for block_counts, block_sums in block_results(count, scores.shape[0], scores.shape[1]):
        counts += block_counts
        sums += block_sums
    return counts, sums
