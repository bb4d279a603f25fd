"""Fits the threshold policies of a bundle, with their cross-validated precision and recall."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.errors import EmptyDataset, InvalidOption
from model.ranking.thresholds import GLOBAL, PER_CODE, PRECISION, ThresholdPolicy, precision_policy
from training.evaluation.classification import select
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.threshold_tuning import tune
from training.ranking.candidate_pairs import CandidatePairs, note_folds

TARGET_PRECISIONS = (0.8, 0.95)


@dataclass(frozen=True)
class FittedPolicies:
    """The policies that could be fitted, and those that could not."""

    policies: tuple[ThresholdPolicy, ...]
    out_of_reach: dict[str, str]
    """Reason by the name of the policy."""


@dataclass(frozen=True)
class _Scored:
    """Validation scores (n, L) with their truth."""

    scores: np.ndarray
    positives: Sequence[np.ndarray]
    extra: np.ndarray

    def some(self, member: np.ndarray) -> "_Scored":
        """The notes of a bool mask (n,)."""
        rows = [columns for columns, kept in zip(self.positives, member, strict=True) if kept]
        return _Scored(self.scores[member], rows, self.extra[member])


def fit_policies(
    scores: np.ndarray,
    positives: Sequence[np.ndarray],
    extra: np.ndarray,
    subjects: Sequence[str],
    targets: Sequence[float] = TARGET_PRECISIONS,
) -> FittedPolicies:
    """Fit the global policy, the per-code policy, and one policy for each target precision.

    Args:
        scores: validation probabilities (n, L).
        positives: columns of the assigned codes of each note.
        extra: assigned codes outside the columns, (n,).
        subjects: patient of each note; cross-validation keeps a patient's notes in one fold.

    Raises:
        EmptyDataset: no note has a code of the label space.
    """
    whole = _Scored(scores, positives, extra)
    folds = _folds(subjects)
    found, out_of_reach = [], {}
    for name, target in _wanted(targets):
        try:
            policy = _tuned(whole, name, target)
        except InvalidOption as error:
            out_of_reach[name] = str(error)
            continue
        precision, recall = (None, None) if folds is None else _expected(whole, folds, name, target)
        found.append(replace(policy, expected_precision=precision, expected_recall=recall))
    return FittedPolicies(tuple(found), out_of_reach)


def fit_policies_of_pairs(
    pairs: CandidatePairs, scores: np.ndarray, subjects: Sequence[str], targets: Sequence[float] = TARGET_PRECISIONS
) -> FittedPolicies:
    """As :func:`fit_policies`, for candidate pairs; other codes have the probability 0.

    Raises:
        EmptyDataset: no candidate was assigned.
    """
    columns, places = np.unique(pairs.columns, return_inverse=True)
    matrix = np.zeros((pairs.num_notes, len(columns)), dtype=np.float32)
    matrix[pairs.notes, places] = scores
    bounds = np.searchsorted(pairs.notes[pairs.truth], np.arange(pairs.num_notes + 1))
    own = places[pairs.truth]
    rows = [own[start:stop] for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]  # noqa: RUF007
    fitted = fit_policies(matrix, rows, pairs.missed, subjects, targets)
    size = int(columns.max(initial=-1)) + 1
    return replace(fitted, policies=tuple(_spread(policy, columns, size) for policy in fitted.policies))


def _spread(policy: ThresholdPolicy, columns: np.ndarray, size: int) -> ThresholdPolicy:
    """A policy over the given columns as one over all columns below ``size``."""
    if policy.own is None:
        return policy
    own = np.full(size, policy.everywhere)
    own[columns] = policy.own
    return replace(policy, own=own)


def _wanted(targets: Sequence[float]) -> list[tuple[str, float | None]]:
    return [(GLOBAL, None), (PER_CODE, None), *((precision_policy(target), target) for target in targets)]


def _tuned(scored: _Scored, name: str, target: float | None) -> ThresholdPolicy:
    kind = name if target is None else PRECISION
    value = tune(kind, scored.scores, scored.positives, scored.extra, target).value
    if isinstance(value, np.ndarray):
        everywhere = best_global_threshold(scored.scores, scored.positives, scored.extra)
        return ThresholdPolicy(name, everywhere, value)
    return ThresholdPolicy(name, value)


def _folds(subjects: Sequence[str]) -> np.ndarray | None:
    try:
        return note_folds(subjects)
    except EmptyDataset:  # a single patient: thresholds can be tuned but not cross-validated
        return None


def _expected(scored: _Scored, folds: np.ndarray, name: str, target: float | None) -> tuple[float | None, float | None]:
    """Cross-validated micro precision and recall. A fold whose policy cannot be fitted selects nothing."""
    chosen = true = 0
    for fold in np.unique(folds).tolist():
        held = scored.some(folds == fold)
        try:
            policy = _tuned(scored.some(folds != fold), name, target)
        except (InvalidOption, EmptyDataset):
            continue
        gold = Gold.from_rows(held.positives, held.scores.shape[1], held.extra)
        selection = select(held.scores, gold, policy.of(np.arange(held.scores.shape[1])))
        chosen += int(selection.label_selected.sum())
        true += int(selection.label_true.sum())
    assigned = sum(len(np.unique(columns)) for columns in scored.positives) + int(scored.extra.sum())
    return (true / chosen if chosen else None), (true / assigned if assigned else None)
