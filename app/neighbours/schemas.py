"""What the neighbour route takes and gives."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import ConfigDict, Field

from app.wire import NoteQuery
from icd_coder_client.neighbours import Neighbour, SimilarBy


class NeighboursRequest(NoteQuery):
    """Body of ``POST /v1/neighbours``."""

    neighbours: int = Field(default=5, ge=1, description="How many; the service's max_neighbours is the limit.")
    by: SimilarBy = Field(
        default="both",
        description="What is compared: the codes that are predicted of the note with those of the stored notes, the "
        "text by its embedding, or both in the shares that the bundle was fitted with. A bundle without a ranker has "
        "the text alone.",
    )

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Admitted with crushing chest pain.", "neighbours": 3}]}
    )


class WithNeighbours(Protocol):
    """An answer that names stored notes."""

    @property
    def neighbours(self) -> Sequence[Neighbour]: ...


def notes_read(query: NoteQuery, answer: WithNeighbours) -> list[str]:
    """The ids of the stored notes of which an answer tells: the one that was asked about, and the neighbours."""
    asked = [] if query.note_id is None else [query.note_id]
    return [*asked, *(note.note_id for note in answer.neighbours)]
