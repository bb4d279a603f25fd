"""What the neighbour route takes and gives."""

from collections.abc import Sequence
from typing import Annotated, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Identifier = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
"""A note's or a patient's id: one line without control characters."""


class Strict(BaseModel):
    """No coercion, no unknown field, no input in an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class NoteQuery(Strict):
    """A note by its text, or by the id under which it is stored."""

    text: str | None = Field(default=None, description="The discharge summary.")
    note_id: Identifier | None = Field(default=None, description="A stored note, instead of the text.")
    subject_id: Identifier | None = Field(
        default=None, description="The patient, in the ids of the indexed data: excluded from the neighbours."
    )

    @model_validator(mode="after")
    def _one_of_text_and_note_id(self) -> Self:
        if (self.text is None) == (self.note_id is None):
            raise PydanticCustomError("text_or_note_id", "give exactly one of text and note_id")
        return self


class NeighboursRequest(NoteQuery):
    """Body of ``POST /v1/neighbours``."""

    neighbours: int = Field(default=5, ge=1, description="How many; the service's max_neighbours is the limit.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Admitted with crushing chest pain.", "neighbours": 3}]}
    )


class CodeTitle(Strict):
    """A code with its title."""

    system: str
    code: str
    title: str


class Neighbour(Strict):
    """A similar stored note with the codes that human coders gave it."""

    note_id: str
    similarity: float = Field(description="Cosine of the document embeddings, -1 to 1.")
    codes: list[CodeTitle]
    snippet: str | None = Field(default=None, description="Start of the text, where the database stores it.")


class Tokens(Strict):
    """Tokens of the note: read by the encoder, and in total."""

    read: int
    total: int
    truncated: bool


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
