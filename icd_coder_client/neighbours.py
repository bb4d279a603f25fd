"""Answer of ``neighbours``."""

from pydantic import Field

from icd_coder_client.answer import CodeTitle, Strict, Tokens


class Neighbour(Strict):
    """A similar stored note with the codes that human coders gave it."""

    note_id: str
    similarity: float = Field(description="Cosine of the document embeddings, -1 to 1.")
    codes: list[CodeTitle]
    snippet: str | None = Field(default=None, description="Start of the text, where the database stores it.")


class NeighboursAnswer(Strict):
    """Answer of ``POST /v1/neighbours``."""

    bundle_id: str
    neighbours: list[Neighbour]
    tokens: Tokens | None = Field(default=None, description="Absent for a note_id, whose embedding is stored.")
    warnings: list[str]
    timings_ms: dict[str, float]
