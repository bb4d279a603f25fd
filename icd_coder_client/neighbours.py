"""Answer of ``neighbours``."""

from pydantic import Field

from icd_coder_client.answer import CodeTitle, Strict, Tokens


class Neighbour(Strict):
    """A similar stored note with the codes that human coders gave it."""

    note_id: str
    similarity: float = Field(
        description="Cosine of the document embeddings, or a weighted mean of it and of the cosine of the codes; "
        "-1 to 1."
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
    tokens: Tokens | None = Field(default=None, description="Absent for a note_id, whose embedding is stored.")
    warnings: list[str]
    timings_ms: dict[str, float]
