"""What the notes routes take and give."""

from datetime import datetime

from pydantic import ConfigDict, Field

from app.wire import EXAMPLE_NOTE, MOST_CODES, AssignedCode, CodeTitle, Identifier, Strict


class NoteRequest(Strict):
    """Body of ``POST /v1/notes``."""

    note_id: Identifier = Field(description="A pseudonymous id of your own.")
    text: str = Field(description="The discharge summary; kept where the service's store_text says so.")
    subject_id: Identifier | None = Field(default=None, description="The patient, pseudonymous.")
    codes: list[AssignedCode] = Field(max_length=MOST_CODES, description="As human coders gave them, in their order.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"note_id": "ward-3-17", "text": EXAMPLE_NOTE, "subject_id": "10006", "codes": [{"code": "401.9"}]}
            ]
        }
    )


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
