"""Fits conformal sets and measures their coverage by cross-validation."""

from dataclasses import dataclass

import numpy as np

from model.errors import EmptyDataset, InvalidOption
from model.ranking.conformal import ConformalSet
from training.evaluation.bootstrap import Interval, mean_interval
from training.ranking.candidate_pairs import CandidatePairs


@dataclass(frozen=True)
class Coverage:
    """Measured coverage of conformal sets on held-out notes."""

    target: float
    false_negative_rate: Interval
    """Mean over notes with codes of the share outside the set, with its 95% bootstrap interval over notes."""
    mean_set_size: float
    median_set_size: float
    notes: int

    @property
    def holds(self) -> bool:
        """Whether the target lies inside the interval."""
        return self.false_negative_rate.low <= self.target <= self.false_negative_rate.high


def fit_conformal(pairs: CandidatePairs, scores: np.ndarray, target: float) -> ConformalSet:
    """The highest threshold t with n / (n + 1) R(t) + 1 / (n + 1) <= target over n notes with codes.

    R(t) is their mean share of codes with a score below t; codes that are not candidates always count as missed
    (Angelopoulos et al. 2024, equation 4, with losses of at most 1).

    Args:
        scores: out-of-fold scores of the pairs (P,).

    Raises:
        InvalidOption: the target is outside 0 to 1, or even the set of all candidates misses it.
        EmptyDataset: no note has a code.
    """
    if not 0 < target < 1:
        raise InvalidOption(f"the false-negative rate is {target:g}: expected a number between 0 and 1")
    totals = pairs.totals
    notes = int((totals > 0).sum())
    if not notes:
        raise EmptyDataset("no validation document has a code, so no conformal set can be fitted: use a larger split")
    true_scores, shares = scores[pairs.truth], 1 / totals[pairs.notes[pairs.truth]]
    order = np.argsort(true_scores, kind="stable")
    thresholds, first = np.unique(true_scores[order], return_index=True)
    lost = np.concatenate([[0.0], np.cumsum(shares[order])])[first]  # by thresholds: shares of strictly lower scores
    out_of_reach = float((pairs.missed[totals > 0] / totals[totals > 0]).sum())
    bound = (lost + out_of_reach + 1) / (notes + 1)
    fitting = np.flatnonzero(bound <= target)
    if not fitting.size:
        lowest = (out_of_reach + 1) / (notes + 1)
        raise InvalidOption(
            f"a false-negative rate of {target:g} is out of reach: the candidates of {notes} validation documents "
            f"allow {lowest:.3f} or more; ask for that, or for more candidates"
        )
    return ConformalSet(target, float(thresholds[fitting[-1]]), notes)


def held_out_coverage(
    pairs: CandidatePairs, scores: np.ndarray, folds: np.ndarray, target: float, seed: int = 0
) -> Coverage:
    """Cross-validated coverage: each fold by the set that was fitted on the others.

    Args:
        folds: of each note, int (n,).

    Raises:
        As :func:`fit_conformal`.
    """
    inside = np.zeros(len(scores), dtype=bool)
    for fold in np.unique(folds).tolist():
        held = (folds == fold)[pairs.notes]
        inside[held] = fit_conformal(pairs.some(folds != fold), scores[~held], target).member(scores[held])
    return coverage_of(pairs, inside, target, seed)


def coverage_of(pairs: CandidatePairs, inside: np.ndarray, target: float, seed: int = 0) -> Coverage:
    """Coverage of given sets; ``inside`` (P,) marks the pairs in their note's set."""
    totals, sizes = pairs.totals, np.bincount(pairs.notes[inside], minlength=pairs.num_notes)
    found = np.bincount(pairs.notes[inside & pairs.truth], minlength=pairs.num_notes)
    labelled = totals > 0
    interval = mean_interval(1 - found[labelled] / totals[labelled], seed=seed)
    if interval is None:
        raise EmptyDataset("no document has a code, so no coverage can be measured: use a larger split")
    return Coverage(
        target, interval, float(sizes[labelled].mean()), float(np.median(sizes[labelled])), int(labelled.sum())
    )
