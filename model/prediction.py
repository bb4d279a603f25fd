"""The answer of a coder, as plain data."""

from dataclasses import dataclass

import numpy as np

from model.code_vectors import CodeVector

ATTENTION, ATTINGRAD, LEXICON, TITLES = SOURCES = ("attention", "attingrad", "lexicon", "titles")
"""Sources of evidence: the classifier's attention, AttInGrad, a phrase of the lexicon, a name of the code."""


@dataclass(frozen=True)
class Evidence:
    """A span of the note that supports a code; offsets are code points into the text as given, end exclusive."""

    start: int
    end: int
    text: str
    weight: float
    """0 to 1, the largest of the sources': share of the code's attention or AttInGrad that lies on the span, the
    phrase's precision in the lexicon, or the share of a name of the code that the words cover."""
    sources: tuple[str, ...] = (ATTENTION,)
    """Those of SOURCES that found the span, in their order."""
    section: str | None = None
    """Heading of the section that the span begins in, as written; None before the first."""
    negated: bool = False
    family: bool = False
    """About a relative of the patient."""
    historical: bool = False
    hypothetical: bool = False


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
    no_span: str | None = None
    """Why evidence was looked for and none found, such as "no span: from neighbours"."""

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
class NoteVectors:
    """What a note is searched by, and stored by."""

    embedding: np.ndarray
    """Unit row (D,), float32."""
    codes: CodeVector | None = None
    """Of the codes that are predicted without any neighbour; None where the bundle writes none."""


@dataclass(frozen=True)
class CodedNote:
    """Ranked codes of one note, best first, and its vectors."""

    codes: tuple[RankedCode, ...]
    embedding: np.ndarray
    """Unit row (D,), float32."""
    tokens: TokenCount
    warnings: tuple[str, ...]
    precision: str
    """Of the encoder: fp32, bf16 or int8."""
    code_vector: CodeVector | None = None
    """See :class:`NoteVectors`."""

    @property
    def vectors(self) -> NoteVectors:
        """What the note is searched by."""
        return NoteVectors(self.embedding, self.code_vector)
