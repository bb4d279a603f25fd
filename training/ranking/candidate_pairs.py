"""Candidate codes of validation notes with their truth: what combiner, calibration and thresholds fit on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.errors import EmptyDataset
from training.evaluation.bootstrap import Interval, mean_interval
from training.evaluation.ranking_metrics import average_precision

FOLDS = 5


@dataclass(frozen=True)
class CandidatePairs:
    """P pairs (note, candidate code) of n notes, sorted by note."""

    notes: np.ndarray
    """Note of each pair, int64 ascending (P,)."""
    columns: np.ndarray
    """Code of each pair, int64 (P,)."""
    truth: np.ndarray
    """Whether human coders assigned it, bool (P,)."""
    missed: np.ndarray
    """Assigned codes of each note that are not among its candidates, int64 (n,)."""

    @property
    def num_notes(self) -> int:
        return len(self.missed)

    @property
    def totals(self) -> np.ndarray:
        """Assigned codes of each note, int64 (n,)."""
        totals: np.ndarray = np.bincount(self.notes[self.truth], minlength=self.num_notes) + self.missed
        return totals

    def some(self, member: np.ndarray) -> "CandidatePairs":
        """The pairs of the notes in the mask ``member``, bool (n,); notes are renumbered from 0."""
        numbers = np.cumsum(member) - 1
        kept = member[self.notes]
        return CandidatePairs(numbers[self.notes[kept]], self.columns[kept], self.truth[kept], self.missed[member])


def pairs_of_matrix(positives: Sequence[np.ndarray], num_codes: int, extra: np.ndarray | None = None) -> CandidatePairs:
    """Pairs in which every code is a candidate of every note; note i and column c are pair i * num_codes + c.

    Args:
        positives: columns of the assigned codes of each note.
        extra: assigned codes of each note outside the columns, (n,).
    """
    n = len(positives)
    truth = np.zeros((n, num_codes), dtype=bool)
    for row, columns in enumerate(positives):
        truth[row, columns] = True
    missed = np.zeros(n, dtype=np.int64) if extra is None else np.asarray(extra, dtype=np.int64)
    return CandidatePairs(np.repeat(np.arange(n), num_codes), np.tile(np.arange(num_codes), n), truth.ravel(), missed)


def note_folds(subjects: Sequence[str], folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Fold of each note, 0 to folds - 1, int64 (n,).

    All notes of a patient are in one fold; a note with an empty subject counts as a patient of its own.

    Raises:
        EmptyDataset: fewer than two patients.
    """
    groups = [subject or f"\0{index}" for index, subject in enumerate(subjects)]
    patients = sorted(set(groups))
    if len(patients) < 2:
        raise EmptyDataset(
            "validation has fewer than two patients, so there are no folds to cross-validate on: "
            "prepare the data with a larger dev split"
        )
    order = np.random.default_rng(seed).permutation(len(patients))
    fold_of = {patients[place]: number % folds for number, place in enumerate(order.tolist())}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def pairs_average_precision(pairs: CandidatePairs, probabilities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each note, (n,); NaN for a note without codes.

    AP = sum over found codes of (found so far / rank) / assigned codes. Codes that are not candidates add nothing.

    Args:
        probabilities, scores: of each pair (P,). Candidates are ordered by probability, then by score, then by
            column, as the ranker does.
    """
    order = np.lexsort((pairs.columns, -scores, -probabilities, pairs.notes))
    notes, truth = pairs.notes[order], pairs.truth[order]
    ahead = np.arange(len(notes)) - np.searchsorted(notes, notes)
    return average_precision(notes[truth], ahead[truth], pairs.totals)


def pairs_map(pairs: CandidatePairs, probabilities: np.ndarray, scores: np.ndarray) -> Interval | None:
    """Mean average precision over the notes with codes, with its bootstrap interval."""
    precisions = pairs_average_precision(pairs, probabilities, scores)
    return mean_interval(precisions[~np.isnan(precisions)])
