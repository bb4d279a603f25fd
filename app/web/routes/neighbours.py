"""``POST /v1/neighbours``: the most similar stored notes."""

from fastapi import APIRouter

from app.neighbours.schemas import NeighboursRequest, notes_read
from app.web.authorization import ByNeighbours
from app.web.dependencies import AccessJournal, Coding
from app.web.problems import KEYED, documented
from app.web.redaction import visible_neighbours
from icd_coder_client.neighbours import NeighboursAnswer

router = APIRouter(prefix="/v1", tags=["neighbours"])


@router.post(
    "/neighbours",
    response_model_exclude_none=True,
    responses=documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503),
)
async def neighbours(
    request: NeighboursRequest, visit: ByNeighbours, coding: Coding, journal: AccessJournal
) -> NeighboursAnswer:
    """The most similar stored notes with their codes, for a text or a stored note."""
    answer = await coding.similar(request)
    await journal.write(visit.entry(notes_read(request, answer)))
    return visible_neighbours(answer, visit)
