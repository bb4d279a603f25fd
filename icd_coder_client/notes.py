"""Answers of the routes of notes."""

from datetime import datetime

from pydantic import Field

from icd_coder_client.answer import CodeTitle, Strict


class NoteKept(Strict):
    """Answer of ``POST /v1/notes``."""

    note_id: str
    created: bool = Field(description="False where the same note was stored already.")
    text_stored: bool
    warnings: list[str] = Field(default=[], description="Whether the bundle has no code for some of the note's codes.")


class StoredNote(Strict):
    """Answer of ``GET /v1/notes/{note_id}``."""

    note_id: str
    codes: list[CodeTitle]
    source: str = Field(description="The dataset that it was indexed from, or rest.")
    stored_at: datetime | None = None
    text: str | None = Field(default=None, description="Absent where it is not stored, or the key has no scope text.")
    warnings: list[str]


class NoteDeleted(Strict):
    """Answer of ``DELETE /v1/notes/{note_id}``: what went with the note."""

    note_id: str
    codes: int
    embeddings: int
    codings: int
    reviews: int
