"""A coder that does nothing, for as long as it is told: what remains is the service's own time and memory."""

import time
from collections.abc import Sequence

import numpy as np

from app.inference.worker import FindNeighbours
from model.prediction import CodedNote, Evidence, RankedCode, TokenCount
from model.ranking.selection import CodeChoice
from tests.app.fakes import LABELS, FakeCoder

CODES = 20
SPAN = Evidence(0, 4, "word", 0.5, ("attention",))


class StubCoder(FakeCoder):
    """Twenty codes with a span each, the same for every note; it keeps nothing of a note."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        label = LABELS[0]
        codes = [
            RankedCode(
                rank, label.system, label.code, label.title, 0.9, 0.5, True, label.count_train, (SPAN,), no_span=None
            )
            for rank in range(1, CODES + 1)
        ]
        self._answer = CodedNote(
            tuple(codes), self._vector("old hypertension"), TokenCount(2000, 2000), (), self.precision
        )

    def predict(
        self,
        texts: Sequence[str],
        top_k: int = 20,
        explain: str = "attention",
        neighbours: Sequence[FindNeighbours | None] | None = None,
        policy: str | None = None,
        choice: CodeChoice | None = None,
    ) -> list[CodedNote]:
        """Sleep, which lets other threads run as torch does, and answer."""
        if self.seconds:
            time.sleep(self.seconds)
        return [self._answer] * len(texts)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The same unit row (B, D) for each."""
        return np.stack([self._answer.embedding] * len(texts))
