"""Counts of true and false selections per code, on the notes that a threshold was chosen on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.ranking.code_counts import CodeCounts
from model.ranking.thresholds import GLOBAL, policy_named
from training.evaluation.score_matrix import exact_threshold
from training.ranking.candidate_pairs import CandidatePairs
from training.ranking.threshold_policies import FittedPolicies


def count_codes(selected: Sequence[np.ndarray], assigned: Sequence[np.ndarray]) -> CodeCounts:
    """Count the true positives, false positives and false negatives of each code.

    Args:
        selected, assigned: distinct columns of each note, in the same order of notes.
    """
    chosen, given = _per_column(selected), _per_column(assigned)
    both = _per_column([np.intersect1d(*pair) for pair in zip(selected, assigned, strict=True)])
    columns = np.array(sorted(chosen.keys() | given.keys()), dtype=np.int64)

    def counted(counts: dict[int, int]) -> np.ndarray:
        return np.array([counts.get(column, 0) for column in columns.tolist()], dtype=np.int64)

    true = counted(both)
    return CodeCounts(len(selected), columns, true, counted(chosen) - true, counted(given) - true)


def with_counts_of_scores(
    fitted: FittedPolicies, scores: np.ndarray, positives: Sequence[np.ndarray]
) -> FittedPolicies:
    """The policies with counts at the global threshold.

    Args:
        scores: (n, L).
        positives: columns of the assigned codes of each note.
    """
    limit = exact_threshold(policy_named(fitted.policies, GLOBAL).everywhere, scores)
    selected = [np.flatnonzero(row > limit) for row in scores]
    return _with_counts(fitted, count_codes(selected, [np.unique(columns) for columns in positives]))


def with_counts_of_pairs(
    fitted: FittedPolicies, pairs: CandidatePairs, probabilities: np.ndarray, assigned: Sequence[np.ndarray]
) -> FittedPolicies:
    """As :func:`with_counts_of_scores`, for candidate pairs (P,); codes that are not candidates are not selected."""
    chosen = probabilities > policy_named(fitted.policies, GLOBAL).everywhere
    bounds = np.searchsorted(pairs.notes[chosen], np.arange(pairs.num_notes + 1))
    columns = pairs.columns[chosen]
    selected = [columns[start:stop] for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]  # noqa: RUF007
    return _with_counts(fitted, count_codes(selected, assigned))


def _with_counts(fitted: FittedPolicies, counts: CodeCounts) -> FittedPolicies:
    return replace(
        fitted,
        policies=tuple(
            replace(policy, counts=counts) if policy.name == GLOBAL else policy for policy in fitted.policies
        ),
    )


def _per_column(rows: Sequence[np.ndarray]) -> dict[int, int]:
    columns, counts = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows]), return_counts=True)
    return dict(zip(columns.tolist(), counts.tolist(), strict=True))
