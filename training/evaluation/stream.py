"""Scores that come in batches, with every metric of the whole matrix in the memory of a few batches.

An exact area under a curve needs all scores in order, and an exact rank needs its whole row, so the scores are kept:
in a temporary file, which is mapped into memory and walked in blocks by the same code that reads a matrix. The
numbers are therefore the same to the last bit. The disk holds 4 bytes a cell (MIMIC-III-Full's test split: 120 MB).
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from model.errors import UnwritableOutput
from model.labels import LabelSpace
from training.evaluation.gold import Gold
from training.evaluation.report import evaluate_scores
from training.evaluation.score_matrix import checked_scores


class ScoreStream:
    """Collects batches of scores on disk; use it as a context manager. The file has no name and dies with it."""

    def __init__(self, num_labels: int, folder: Path | None = None, dtype: type[np.floating[Any]] = np.float32) -> None:
        """Begin an empty stream.

        Args:
            folder: where the temporary file lies; the system's folder when None, which may be memory.
            dtype: in which the scores are kept.
        """
        self.num_labels = num_labels
        self.positives: list[np.ndarray] = []
        self._extra: list[np.ndarray] = []
        self._dtype = np.dtype(dtype)
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise UnwritableOutput(
                f"cannot write in '{folder or tempfile.gettempdir()}' ({error.strerror}): choose another place"
            ) from error

    def __enter__(self) -> "ScoreStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(
        self, scores: np.ndarray, positives: Sequence[np.ndarray], extra_positives: np.ndarray | None = None
    ) -> None:
        """Append documents.

        Args:
            scores: (b, L).
            positives: columns of the assigned codes of each of the b documents.
            extra_positives: assigned codes outside the label space, (b,).

        Raises:
            ValueError: shapes that do not fit, a column outside the label space, or NaN.
            UnwritableOutput: the disk is full.
        """
        gold = Gold.from_rows(positives, self.num_labels, extra_positives)
        checked = checked_scores(scores, gold)
        try:
            self._file.write(np.ascontiguousarray(checked, dtype=self._dtype).tobytes())
        except OSError as error:
            raise UnwritableOutput(
                f"cannot keep the scores of {len(self.positives)} documents on disk ({error.strerror}): free some space"
            ) from error
        self.positives.extend(positives)
        self._extra.append(gold.extra)

    @property
    def scores(self) -> np.ndarray:
        """All scores so far (n, L), read from disk where they are looked at."""
        shape = (len(self.positives), self.num_labels)
        if 0 in shape:
            return np.zeros(shape, dtype=self._dtype)
        self._file.flush()
        return np.memmap(self._file, dtype=self._dtype, mode="r", shape=shape)

    @property
    def extra_positives(self) -> np.ndarray:
        """Assigned codes outside the label space of each document so far, int64 (n,)."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self._extra])

    def evaluate(self, labels: LabelSpace, threshold: float | np.ndarray, seed: int = 0) -> dict[str, Any]:
        """Every metric of the documents so far, see evaluate_scores."""
        return evaluate_scores(self.scores, self.positives, labels, threshold, self.extra_positives, seed)
