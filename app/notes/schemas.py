"""What the notes routes take and give."""

from pydantic import ConfigDict, Field

from app.wire import EXAMPLE_NOTE, MOST_CODES, AssignedCode, Identifier
from icd_coder_client.answer import Strict


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
