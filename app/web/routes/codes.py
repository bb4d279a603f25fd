"""``GET /v1/codes``: search the codes of the bundle."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from app.catalogue.schemas import CodesQuery
from app.web.authorization import ByAnyKey
from app.web.dependencies import CodeCatalogue
from app.web.problems import KEYED, documented
from icd_coder_client.catalogue import CodesAnswer

router = APIRouter(prefix="/v1", tags=["codes"])


@router.get("/codes", response_model_exclude_none=True, responses=documented(*KEYED, 422, 500, 503))
async def codes(query: Annotated[CodesQuery, Query()], visit: ByAnyKey, catalogue: CodeCatalogue) -> CodesAnswer:
    """Codes by words of their titles, by their beginning, or beneath a category; with counts and thresholds."""
    return await asyncio.to_thread(catalogue.search, query, visit.reads_notes)
