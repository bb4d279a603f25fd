"""The most similar stored notes."""

from fastapi import APIRouter

from app.neighbours.schemas import NeighboursAnswer, NeighboursRequest
from app.problems import documented
from app.state import Coding

router = APIRouter(prefix="/v1", tags=["neighbours"])


@router.post(
    "/neighbours", response_model_exclude_none=True, responses=documented(400, 404, 408, 409, 413, 415, 422, 500, 503)
)
async def neighbours(request: NeighboursRequest, coding: Coding) -> NeighboursAnswer:
    """The most similar stored notes with their codes, for a text or a stored note."""
    return await coding.similar(request)
