"""Answer of ``neighbours``."""

from typing import Literal

from pydantic import Field

from icd_coder_client.answer import CodeTitle, Strict, Tokens

SimilarBy = Literal["both", "codes", "text"]
"""What makes two notes similar: their codes, their text, or both."""


class Neighbour(Strict):
    """A similar stored note with the codes that human coders gave it."""

    note_id: str
    similarity: float = Field(
        description="code_similarity times the code_share of the answer plus text_similarity times the rest; where the "
        "answer has no code_share, the cosine of the document embeddings; -1 to 1."
    )
    codes: list[CodeTitle]
    snippet: str | None = Field(default=None, description="Start of the text, where the database stores it.")
    text_similarity: float | None = Field(
        default=None, description="Cosine of the document embeddings; absent where the search was by text alone."
    )
    code_similarity: float | None = Field(
        default=None,
        description="Cosine of the codes, weighted by their rarity, 0 to 1; absent where the search was by text alone, "
        "or the stored note has no code.",
    )
    codes_predicted: bool | None = Field(
        default=None,
        description="Whether the codes of the stored note are predicted, because nobody has assigned any; absent "
        "without code_similarity.",
    )


class NeighboursAnswer(Strict):
    """Answer of ``POST /v1/neighbours``."""

    bundle_id: str
    neighbours: list[Neighbour]
    neighbours_by: SimilarBy = Field(default="text", description="What the neighbours are similar by.")
    code_share: float | None = Field(
        default=None, description="Share of the codes in the similarity; absent where it is by text alone."
    )
    tokens: Tokens | None = Field(default=None, description="Absent where the stored embedding of a note_id was used.")
    warnings: list[str]
    timings_ms: dict[str, float]
