"""What the reviews routes take and give."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.wire import MOST_CODES, AssignedCode, Identifier
from icd_coder_client.answer import Strict
from icd_coder_client.requests import ReviewKind, System

LARGEST_PAGE = 200
LARGEST_ID = 2**31 - 1
"""What a number of PostgreSQL holds."""

ReviewerName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]$")]
"""One line without control characters."""


class ReviewAction(AssignedCode):
    """One step of a review: what is done to one code."""

    action: ReviewKind
    position: int | None = Field(
        default=None, ge=1, le=MOST_CODES, description="Place in the list from 1: needed by reorder, may go with add."
    )

    @model_validator(mode="after")
    def _position_where_it_means_something(self) -> Self:
        if (self.action == "reorder" and self.position is None) or (
            self.action in ("accept", "reject") and self.position is not None
        ):
            raise PydanticCustomError("position_of_action", "reorder needs a position, accept and reject take none")
        return self


class ReviewRequest(Strict):
    """Body of ``POST /v1/reviews``."""

    note_id: Identifier = Field(description="A stored note.")
    actions: list[ReviewAction] = Field(min_length=1, max_length=MOST_CODES, description="In their order.")
    reviewer: ReviewerName | None = Field(default=None, description="Who reviewed. Default: the access key's name.")
    bundle_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Of the answer that was reviewed. Default: the bundle that answers now."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "note_id": "ward-3-17",
                    "actions": [
                        {"action": "accept", "code": "401.9"},
                        {"action": "reject", "code": "428.0"},
                        {"action": "add", "system": "icd9cm", "code": "038.9", "position": 1},
                    ],
                }
            ]
        }
    )


def _in_utc(moment: datetime) -> datetime:
    """The same moment in UTC, where it has one: the first and last day of the calendar may not, by their zone."""
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise PydanticCustomError("moment", "is no moment in UTC: give one such as 2026-01-31T12:00:00Z") from None


class ReviewsQuery(BaseModel):
    """Query of ``GET /v1/reviews``; not strict, because numbers and moments in an address are text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    note_id: Identifier | None = Field(default=None, description="Of one note; of all by default.")
    since: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = Field(
        default=None, description="Made then or later, with a time zone: 2026-01-31T12:00:00Z."
    )
    after: int = Field(default=0, ge=0, le=LARGEST_ID, description="next_after of the page before.")
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE, description="Reviews in one answer.")


class ExportQuery(BaseModel):
    """Query of ``GET /v1/reviews/export``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    system: System | None = Field(default=None, description="Needed where the reviewed notes have codes of several.")
