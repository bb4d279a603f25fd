"""``/v1/reviews``: review the codes of stored notes, and export them."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.reviews.schemas import ExportQuery, ReviewRequest, ReviewsQuery
from app.web.authorization import ByReview
from app.web.dependencies import HeldStream, Reviews
from app.web.problems import KEYED, documented
from icd_coder_client.reviews import ReviewKept, ReviewsAnswer

router = APIRouter(prefix="/v1/reviews", tags=["reviews"])
CSV = "text/csv; charset=utf-8"
READING = documented(*KEYED, 404, 409, 422, 500, 503)


@router.post("", status_code=201, responses=documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503))
async def make(request: ReviewRequest, visit: ByReview, reviews: Reviews) -> ReviewKept:
    """Accept, reject, add or reorder codes of a stored note; what was done is kept and never changed."""
    return await reviews.make(request, visit)


@router.get("", response_model_exclude_none=True, responses=READING)
async def read(query: Annotated[ReviewsQuery, Query()], visit: ByReview, reviews: Reviews) -> ReviewsAnswer:
    """Reviews in the order in which they were made, and of a named note its codes after them."""
    return await reviews.read(query, visit)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **READING},
)
async def export(
    query: Annotated[ExportQuery, Query()], visit: ByReview, reviews: Reviews, _held: HeldStream
) -> StreamingResponse:
    """All reviewed notes with their codes as a table that `icd-coder prepare table` reads, with the texts that are
    stored for a key with the scope text.
    """
    return StreamingResponse(await reviews.export(query.system, visit), media_type=CSV)
