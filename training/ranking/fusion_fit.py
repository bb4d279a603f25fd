"""Fits a fusion on validation notes, and measures it by cross-validation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from model.candidates import Candidates
from model.errors import InvalidOption
from model.ranking.channels import CLASSIFIER
from model.ranking.combiner import Combiner
from model.ranking.conformal import ConformalSet
from model.ranking.fusion import Fusion
from training.evaluation.bootstrap import Interval
from training.evaluation.ranked_calibration import TOP, RankedPairs, ranked_error_interval
from training.ranking.calibration_fit import CalibrationChoice, choose_calibration, held_out_probabilities, methods
from training.ranking.candidate_pairs import CandidatePairs, note_folds, pairs_map
from training.ranking.combiner_fit import fit_combiner
from training.ranking.conformal_fit import Coverage, fit_conformal, held_out_coverage
from training.ranking.fit_code_counts import with_counts_of_pairs
from training.ranking.threshold_policies import FittedPolicies, fit_policies_of_pairs

SPLIT_FEATURE = f"{CLASSIFIER}.logit"
"""The feature that is missing for codes without a training note."""
TARGET_RATES = (0.05, 0.1, 0.2, 0.3)
"""False-negative rates of the conformal sets."""


@dataclass(frozen=True)
class ValidationNote:
    """A validation note: its candidates and its assigned codes."""

    candidates: Candidates
    assigned: np.ndarray
    """Columns of its codes in the code set, distinct, int64."""
    outside: int
    """Assigned codes outside the code set."""
    subject: str


@dataclass(frozen=True)
class FittedFusion:
    """A fusion fitted on all notes, with its cross-validated measurements."""

    fusion: Fusion
    pairs: CandidatePairs
    scores: np.ndarray
    """Of each pair by a combiner that was not fitted on its note (P,)."""
    probabilities: np.ndarray
    """The same, calibrated by a map that was not fitted on its note (P,)."""
    choice: CalibrationChoice
    policies: FittedPolicies
    coverages: tuple[Coverage, ...]
    out_of_reach: dict[str, str]
    """Conformal targets that cannot be reached, and why."""


def fit_fusion(notes: Sequence[ValidationNote], seed: int = 0) -> FittedFusion:
    """Combiner, then calibration, policies and conformal sets on its out-of-fold scores.

    No channel may have been trained on the notes: their features must be out of fold too.

    Raises:
        EmptyDataset: fewer than two patients, or no candidate was assigned.
        InvalidOption: the notes have different features.
    """
    names = {note.candidates.names for note in notes}
    if len(names) > 1:
        raise InvalidOption("the notes of a ranker have different features: compute all of them by the same channels")
    pairs, values, subjects = pairs_of_notes(notes), _stacked(notes), [note.subject for note in notes]
    folds = note_folds(subjects, seed=seed)
    features = names.pop()
    split_feature = features.index(SPLIT_FEATURE) if SPLIT_FEATURE in features else None
    scores = held_out_scores(pairs, values, folds, split_feature)
    choice = choose_calibration(pairs, scores, folds)
    probabilities = held_out_probabilities(methods()[choice.name], pairs, scores, folds)
    policies = fit_policies_of_pairs(pairs, probabilities, subjects)
    policies = with_counts_of_pairs(policies, pairs, probabilities, [note.assigned for note in notes])
    sets, coverages, out_of_reach = _conformal(pairs, scores, folds)
    combiner = fit_combiner(values, pairs.truth, pairs.num_notes, split_feature)
    fusion = Fusion(features, combiner, choice.calibration, policies.policies, sets)
    return FittedFusion(fusion, pairs, scores, probabilities, choice, policies, coverages, out_of_reach)


def pairs_of_notes(notes: Sequence[ValidationNote]) -> CandidatePairs:
    """The candidates of all notes with their truth."""
    sizes = [len(note.candidates.columns) for note in notes]
    truth = [np.isin(note.candidates.columns, note.assigned) for note in notes]
    missed = [len(note.assigned) - int(own.sum()) + note.outside for note, own in zip(notes, truth, strict=True)]
    return CandidatePairs(
        np.repeat(np.arange(len(notes)), sizes),
        np.concatenate([np.zeros(0, dtype=np.int64), *(note.candidates.columns for note in notes)]),
        np.concatenate([np.zeros(0, dtype=bool), *truth]),
        np.array(missed, dtype=np.int64),
    )


def held_out_scores(
    pairs: CandidatePairs, values: np.ndarray, folds: np.ndarray, split_feature: int | None = None
) -> np.ndarray:
    """Each pair scored by a combiner that was fitted on the other folds, (P,).

    Args:
        split_feature: see :func:`training.ranking.combiner_fit.fit_combiner`.

    Raises:
        EmptyDataset: no candidate of the other folds was assigned.
    """
    found = np.empty(len(values))
    for fold in np.unique(folds).tolist():
        held = (folds == fold)[pairs.notes]
        others = int((folds != fold).sum())
        combiner: Combiner = fit_combiner(values[~held], pairs.truth[~held], others, split_feature)
        found[held] = combiner.scores(values[held])
    return found


def fusion_card(fitted: FittedFusion, prior: np.ndarray | None = None) -> dict[str, Any]:
    """The cross-validated measurements, for the bundle's card.

    Args:
        prior: share of the training documents with each code of the code set (U,), for comparison.
    """
    pairs, probabilities = fitted.pairs, fitted.probabilities
    ranked = highest_pairs(pairs, probabilities)
    errors = {
        "uncalibrated": ranked_error_interval(ranked, fitted.scores[_places(pairs, probabilities)]),
        "calibrated": ranked_error_interval(ranked, ranked.probabilities),
        "prior": None if prior is None else ranked_error_interval(ranked, prior[ranked.columns]),
    }
    return {
        "notes": pairs.num_notes,
        "map": _interval(pairs_map(pairs, probabilities, fitted.scores)),
        "combiner": fitted.fusion.combiner.kind,
        "calibration": {"method": fitted.choice.name, "log_losses": fitted.choice.log_losses},
        "ece_top_20": {name: _interval(interval) for name, interval in errors.items()},
        "conformal": [
            asdict(coverage) | {"false_negative_rate": _interval(coverage.false_negative_rate)}
            for coverage in fitted.coverages
        ],
        "conformal_out_of_reach": fitted.out_of_reach,
    }


def highest_pairs(pairs: CandidatePairs, probabilities: np.ndarray, top: int = TOP) -> RankedPairs:
    """The ``top`` most probable candidates of each note."""
    chosen = _places(pairs, probabilities, top)
    return RankedPairs(
        pairs.num_notes, pairs.notes[chosen], pairs.columns[chosen], probabilities[chosen], pairs.truth[chosen]
    )


def _places(pairs: CandidatePairs, probabilities: np.ndarray, top: int = TOP) -> np.ndarray:
    order = np.lexsort((pairs.columns, -probabilities, pairs.notes))
    first = np.searchsorted(pairs.notes, np.arange(pairs.num_notes))
    rank = np.arange(len(order)) - first[pairs.notes[order]]
    chosen: np.ndarray = np.sort(order[rank < top])
    return chosen


def _conformal(
    pairs: CandidatePairs, scores: np.ndarray, folds: np.ndarray
) -> tuple[tuple[ConformalSet, ...], tuple[Coverage, ...], dict[str, str]]:
    sets, coverages, out_of_reach = [], [], {}
    for target in TARGET_RATES:
        try:
            found = fit_conformal(pairs, scores, target), held_out_coverage(pairs, scores, folds, target)
        except InvalidOption as error:
            out_of_reach[f"{target:g}"] = str(error)
            continue
        sets.append(found[0])
        coverages.append(found[1])
    return tuple(sets), tuple(coverages), out_of_reach


def _stacked(notes: Sequence[ValidationNote]) -> np.ndarray:
    return np.concatenate([note.candidates.values for note in notes]) if notes else np.zeros((0, 0), dtype=np.float32)


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {name: round(getattr(interval, name), 4) for name in ("value", "low", "high")}
