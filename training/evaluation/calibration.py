"""Expected calibration error of all probabilities, in bins of equal mass.

    ECE = 1/N sum_b | sum of the probabilities in bin b - number of assigned codes in bin b |

over N cells (document, code), Nixon et al. 2019 ("adaptive calibration error", without a mean over classes). A cell
lies in bin floor(BINS * cells with a lower probability / N), so that bins hold equally many cells. Probabilities are
ordered by their 8 leading bits: those that agree to 0.8% or better stay together in the lower bin. The sums are exact.

Codes are rare: of MIMIC-III's cells 0.2% are assigned. Hence 100 bins, so that the assigned ones are not all in the
last of ten, and hence a small number: compare it with the share of assigned cells, which is what a coder that
always answers 0 reaches.
"""

from dataclasses import dataclass

import numpy as np

from training.evaluation.score_matrix import block_results

BINS = 100
_LOW_BITS = 16  # of a float32; from 0 to 1 the bits above, read as a whole number, have the order of the floats
_KEYS = (0x3F800000 >> _LOW_BITS) + 1


@dataclass(frozen=True)
class Masses:
    """Cells by the leading bits of their probability."""

    counts: np.ndarray
    """Cells with each key, int64."""
    sums: np.ndarray
    """Sum of their probabilities, float64."""

    def __add__(self, other: "Masses") -> "Masses":
        """Masses of the union of two disjoint sets of columns."""
        return Masses(self.counts + other.counts, self.sums + other.sums)


def masses(scores: np.ndarray, columns: np.ndarray) -> Masses:
    """Masses of some columns of probabilities (n, L), which count in float32."""

    def count(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        block = np.ascontiguousarray(scores[start:stop][:, columns], dtype=np.float32).ravel()
        keys = _keys(block)
        return np.bincount(keys, minlength=_KEYS), np.bincount(keys, block, _KEYS)

    counts, sums = np.zeros(_KEYS, dtype=np.int64), np.zeros(_KEYS)
    for block_counts, block_sums in block_results(count, scores.shape[0], columns.size):
        counts += block_counts
        sums += block_sums
    return Masses(counts, sums)


def are_probabilities(scores: np.ndarray) -> bool:
    """Whether all lie between 0 and 1."""
    return not scores.size or (scores.min() >= 0 and scores.max() <= 1)


def expected_calibration_error(found: Masses, positives: np.ndarray, bins: int = BINS) -> float | None:
    """The error of the cells counted; None without cells.

    Args:
        positives: probabilities of the assigned cells (Q,), all among those counted.
    """
    cells = int(found.counts.sum())
    if not cells:
        return None
    bin_of = bins * (np.cumsum(found.counts) - found.counts) // cells
    bin_of = np.minimum(bin_of, bins - 1)  # keys above every cell
    probability = np.bincount(bin_of, found.sums, bins)
    assigned = np.bincount(bin_of[_keys(positives.astype(np.float32))], minlength=bins)
    return float(np.abs(probability - assigned).sum() / cells)


def _keys(probabilities: np.ndarray) -> np.ndarray:
    bits = np.abs(probabilities).view(np.uint32)  # abs: -0.0 has the sign's bit
    keys: np.ndarray = (bits >> _LOW_BITS).astype(np.intp)
    return keys
