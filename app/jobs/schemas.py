"""Requests and answers of ``/v1/jobs``."""

from pydantic import BaseModel, ConfigDict, Field

from app.coding.schemas import CodeOptions, PredictRequest
from app.wire import EXAMPLE_NOTE, Identifier

LARGEST_PAGE = 200
LARGEST_ID = 2**31 - 1
"""Largest value of an integer column in PostgreSQL."""


class JobRequest(PredictRequest):
    """The request of a job's note, as the database keeps it until it is coded."""

    reads_notes: bool = False
    """Whether who sent it had the scope neighbours; see :meth:`app.coding.service.CodingService.predict`."""


class JobLine(CodeOptions):
    """A line of the file of ``POST /v1/jobs``: a note with an id of the caller's own."""

    id: Identifier = Field(description="Your own id of the note, pseudonymous; once in a file.")
    text: str = Field(description="The discharge summary.")
    subject_id: Identifier | None = Field(
        default=None,
        description="The patient, in the ids of the indexed data: the ranker does not use this patient's stored notes.",
    )

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "ward-3-17", "text": EXAMPLE_NOTE, "top_k": 10}]})

    def request(self, reads_notes: bool) -> JobRequest:
        """The prediction request for this note; jobs do not return similar notes."""
        sent = self.model_dump(exclude={"id"}, exclude_unset=True)
        return JobRequest.model_validate({**sent, "neighbours": 0, "reads_notes": reads_notes})


class JobsQuery(BaseModel):
    """Query of ``GET /v1/jobs``; not strict, because numbers in an address are text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    before: int | None = Field(default=None, ge=1, le=LARGEST_ID, description="next_before of the page before.")
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE, description="Jobs in one answer.")
