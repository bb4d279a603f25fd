"""Candidate codes of validation notes beside the truth: what every part of a ranker is fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.errors import EmptyDataset

FOLDS = 5


@dataclass(frozen=True)
class JudgedPairs:
    """P pairs (note, candidate code) of n notes, sorted by note."""

    notes: np.ndarray
    """Note of each pair, int64 ascending (P,)."""
    columns: np.ndarray
    """Code of each pair, int64 (P,)."""
    truth: np.ndarray
    """Whether human coders assigned it, bool (P,)."""
    missed: np.ndarray
    """Assigned codes of each note that are no candidate, int64 (n,): they can only be missed."""

    @property
    def num_notes(self) -> int:
        return len(self.missed)

    @property
    def totals(self) -> np.ndarray:
        """Assigned codes of each note, int64 (n,)."""
        totals: np.ndarray = np.bincount(self.notes[self.truth], minlength=self.num_notes) + self.missed
        return totals

    def some(self, member: np.ndarray) -> "JudgedPairs":
        """The pairs of some notes, which are counted anew; ``member`` is bool (n,)."""
        numbers = np.cumsum(member) - 1
        kept = member[self.notes]
        return JudgedPairs(numbers[self.notes[kept]], self.columns[kept], self.truth[kept], self.missed[member])


def pairs_of_matrix(positives: Sequence[np.ndarray], num_codes: int, extra: np.ndarray | None = None) -> JudgedPairs:
    """Every code a candidate of every note; the pair of note i and column c is number i * num_codes + c."""
    n = len(positives)
    truth = np.zeros((n, num_codes), dtype=bool)
    for row, columns in enumerate(positives):
        truth[row, columns] = True
    missed = np.zeros(n, dtype=np.int64) if extra is None else np.asarray(extra, dtype=np.int64)
    return JudgedPairs(np.repeat(np.arange(n), num_codes), np.tile(np.arange(num_codes), n), truth.ravel(), missed)


def note_folds(subjects: Sequence[str], folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Fold of each note, 0 to folds - 1, int64 (n,); no patient is in two, a note without a patient stands alone.

    Raises:
        EmptyDataset: fewer patients than two.
    """
    groups = [subject or f"\0{index}" for index, subject in enumerate(subjects)]
    patients = sorted(set(groups))
    if len(patients) < 2:
        raise EmptyDataset(
            "validation has fewer than two patients, so nothing can be judged out of fold: "
            "prepare the data with a larger dev split"
        )
    order = np.random.default_rng(seed).permutation(len(patients))
    fold_of = {patients[place]: number % folds for number, place in enumerate(order.tolist())}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)
