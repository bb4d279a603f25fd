"""What a coder answers: plain data, no tensors but the embedding."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Evidence:
    """A span of the note that speaks for a code; offsets are code points into the text as given, end exclusive."""

    start: int
    end: int
    text: str
    weight: float
    """Share of the code's attention that lies on the span, 0 to 1."""


@dataclass(frozen=True)
class RankedCode:
    """One suggested code."""

    rank: int
    system: str
    code: str
    title: str
    probability: float
    threshold: float
    selected: bool
    train_count: int
    evidence: tuple[Evidence, ...] = ()
    channels: tuple[str, ...] = ()
    """Channels of the ranker that proposed the code; none where the bundle has no ranker."""

    @property
    def seen_in_training(self) -> bool:
        """Whether a training note has the code; a ranker can propose others too."""
        return self.train_count > 0


@dataclass(frozen=True)
class TokenCount:
    """Tokens of the note without special tokens: read by the encoder, and in total."""

    read: int
    total: int

    @property
    def truncated(self) -> bool:
        return self.read < self.total


@dataclass(frozen=True)
class CodedNote:
    """Ranked codes of one note, best first, and its document embedding."""

    codes: tuple[RankedCode, ...]
    embedding: np.ndarray
    """Unit row (D,), float32."""
    tokens: TokenCount
    warnings: tuple[str, ...]
    precision: str
    """fp32, bf16 or int8: what the encoder computed in."""
