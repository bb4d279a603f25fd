"""Answers of ``predict`` and ``model``."""

from typing import Any, Literal

from pydantic import Field

from icd_coder_client.answer import Problem, Strict, Tokens
from icd_coder_client.neighbours import Neighbour, SimilarBy


class EvidenceSpan(Strict):
    """A span of the note; offsets are Unicode code points into the text as sent, end exclusive."""

    start: int
    end: int
    text: str
    sources: list[str] = Field(
        description="Who points at the span: attention, attingrad, lexicon (a phrase that goes with the code in "
        "training notes), titles (words of a name of the code)."
    )
    section: str | None = Field(default=None, description="Heading of its section, absent before the first.")
    negated: bool = Field(default=False, description="The sentence denies it.")
    family: bool = Field(default=False, description="It is about the family.")
    historical: bool = Field(default=False, description="It is history.")
    hypothetical: bool = Field(default=False, description="It may come: a warning, an instruction.")


class NeighbourSupport(Strict):
    """What the notes with the most similar text say about a suggested code; their number is its neighbour_count.

    They are as many as the neighbours of the answer and may be others: those can be similar by the predicted codes, so
    that their codes would agree with any prediction.
    """

    by: Literal["text"] = Field(default="text", description="What these notes are similar by.")
    share: float = Field(description="Part of these notes' similarity on those that carry the code, 0 to 1.")
    agrees: bool = Field(description="A share of at least one half goes with selected, a smaller one with not.")


class SuggestedCode(Strict):
    """A suggested code; a suggestion for a human coder, never a decision."""

    rank: int = Field(description="In this answer, from 1.")
    system: str = Field(description="icd9cm, icd9pcs, icd10cm, icd10pcs, or icd10who, icd10gm, icd10am, icd10ca")
    code: str
    title: str
    probability: float
    threshold: float
    selected: bool = Field(description="The probability is above the threshold.")
    train_count: int = Field(description="Training notes with this code.")
    seen_in_training: bool = Field(description="Whether a training note has the code; a ranker can propose others too.")
    channels: list[str] = Field(default=[], description="Channels that proposed the code, for a bundle with a ranker.")
    evidence: list[EvidenceSpan] = Field(description="Affirmed spans first, then those of more sources.")
    no_span: str | None = Field(
        default=None, description="Why there is no evidence, such as 'no span: from neighbours'; absent where there is."
    )
    neighbour_count: int = Field(description="How many of the notes with the most similar text carry the code.")
    support: NeighbourSupport | None = Field(default=None, description="Absent where there are no neighbours.")


class SharedCode(Strict):
    """A suggested code that a neighbour carries too."""

    system: str
    code: str
    rank: int = Field(description="Among the suggested codes.")
    selected: bool


class SimilarNote(Neighbour):
    """A neighbour of a coded note, with the codes of this answer that it carries."""

    shared: list[SharedCode] = Field(description="In the order of the suggestion.")


class PredictAnswer(Strict):
    """Answer of ``POST /v1/predict``."""

    bundle_id: str
    precision: str = Field(description="What the encoder computed in: fp32, bf16 or int8.")
    codes: list[SuggestedCode]
    neighbours: list[SimilarNote]
    neighbours_by: SimilarBy = Field(
        default="text", description="What the neighbours are similar by; see support for the votes on a code."
    )
    code_share: float | None = Field(
        default=None, description="Share of the codes in the similarity; absent where it is by text alone."
    )
    tokens: Tokens
    warnings: list[str]
    timings_ms: dict[str, float]


class LabelCounts(Strict):
    """Size of the label space."""

    total: int
    by_system: dict[str, int]


class ModelAnswer(Strict):
    """Answer of ``GET /v1/model``."""

    bundle_id: str
    precision: str = Field(description="What the encoder computes in: fp32, bf16 or int8.")
    embedding_id: str = Field(description="Covers the precision: embeddings of two never mix.")
    embedding_dim: int
    labels: LabelCounts
    card: dict[str, Any]
    versions: dict[str, str]


class BatchResult(Strict):
    """What came of one item: an answer or a problem."""

    answer: PredictAnswer | None = None
    problem: Problem | None = None


class BatchAnswer(Strict):
    """Answer of ``POST /v1/predict/batch``."""

    bundle_id: str
    results: list[BatchResult] = Field(description="In the order of the items.")
    failed: int = Field(description="Results that are problems.")
