"""What the neighbour route takes and gives."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import ConfigDict, Field

from app.wire import CodeTitle, NoteQuery, Strict, Tokens


class NeighboursRequest(NoteQuery):
    """Body of ``POST /v1/neighbours``."""

    neighbours: int = Field(default=5, ge=1, description="How many; the service's max_neighbours is the limit.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Admitted with crushing chest pain.", "neighbours": 3}]}
    )


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


class WithNeighbours(Protocol):
    """An answer that names stored notes."""

    @property
    def neighbours(self) -> Sequence[Neighbour]: ...


def notes_read(query: NoteQuery, answer: WithNeighbours) -> list[str]:
    """The ids of the stored notes of which an answer tells: the one that was asked about, and the neighbours."""
    asked = [] if query.note_id is None else [query.note_id]
    return [*asked, *(note.note_id for note in answer.neighbours)]
