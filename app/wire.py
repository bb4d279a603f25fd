"""Types and constants that the requests of several features share; those of answers are in ``icd_coder_client``."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from icd_coder_client.answer import Strict
from icd_coder_client.requests import System
from model.formula_guard import guarded
from model.icd import SYSTEMS, readings

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
Identifier = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
"""A note's or a patient's id: one line without control characters."""
Subtree = Annotated[
    str, Field(pattern=rf"^(({'|'.join(SYSTEMS)}):)?[A-Za-z0-9]{{1,7}}(\.[A-Za-z0-9]{{0,4}})?$", max_length=20)
]
"""A category or a code, with all codes beneath it."""
MOST_SUBTREES = 100
EXAMPLE_NOTE = "65 year old man with hypertension, admitted with crushing chest pain. ECG: ST elevation."
MOST_CODES = 500


def _is_code(written: str) -> str:
    """Refuse what is a code of no system; the spelling rules are those of the tables that are prepared."""
    if not any(readings(SYSTEMS, written)):
        raise PydanticCustomError(
            "code_spelling", "is no ICD code: write one such as 401.9, I10 or 0DTJ4ZZ, its dot left out or in its place"
        )
    return written


CodeText = Annotated[str, Field(max_length=40), AfterValidator(_is_code)]
"""A code in any spelling, "4019", "401.9" or "486.", with blanks around."""


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


class AssignedCode(Strict):
    """A code that human coders gave a note."""

    system: System | None = Field(default=None, description="Needed for a code that the bundle has in none or several.")
    code: CodeText


def plain_cell(value: object) -> object:
    """A cell of a CSV table that no spreadsheet takes for a formula: a text that could be one gets a leading quote.

    ``prepare table`` takes it off. Numbers stay as they are.
    """
    return guarded(value) if isinstance(value, str) else value
