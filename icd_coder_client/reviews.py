"""Answers of the routes of reviews."""

from datetime import datetime

from pydantic import Field

from icd_coder_client.answer import CodeTitle, Strict
from icd_coder_client.requests import ReviewKind


class ReviewKept(Strict):
    """Answer of ``POST /v1/reviews``."""

    review_id: int
    note_id: str
    bundle_id: str
    reviewer: str
    created_at: datetime
    codes: list[CodeTitle] = Field(description="The note's codes after all of its reviews, in order of priority.")
    warnings: list[str]


class DoneAction(Strict):
    """One step of a stored review."""

    action: ReviewKind
    system: str
    code: str
    position: int | None = None


class StoredReview(Strict):
    """A review as it was made."""

    review_id: int
    note_id: str
    bundle_id: str
    reviewer: str
    who: str = Field(description="Id of the access key, or no-auth.")
    created_at: datetime
    actions: list[DoneAction]


class ReviewsAnswer(Strict):
    """Answer of ``GET /v1/reviews``."""

    reviews: list[StoredReview] = Field(description="In the order in which they were made.")
    next_after: int | None = Field(default=None, description="Absent on the last page.")
    codes: list[CodeTitle] | None = Field(
        default=None, description="Of a named note: its codes after all of its reviews, in order of priority."
    )
