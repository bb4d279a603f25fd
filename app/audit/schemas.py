"""Request and answer of ``POST /v1/audit``."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.wire import EXAMPLE_NOTE, MOST_CODES, AssignedCode, NoteQuery
from icd_coder_client.requests import Explain


class AuditRequest(NoteQuery):
    """Body of ``POST /v1/audit``."""

    codes: list[AssignedCode] | None = Field(
        default=None, max_length=MOST_CODES, description="The assigned codes; of a stored note those in the database."
    )
    explain: Explain = Field(default="attention", description="As for /v1/predict.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": EXAMPLE_NOTE, "codes": [{"code": "401.9"}]}, {"note_id": "142345"}]}
    )

    @model_validator(mode="after")
    def _codes_of_a_text(self) -> Self:
        if self.text is not None and self.codes is None:
            raise PydanticCustomError("codes_of_a_text", "give the assigned codes of a text")
        return self
