"""``POST /v1/predict/batch``: several notes in one request."""

from fastapi import APIRouter

from app.coding.batch import BatchRequest
from app.web.authorization import ByPredict
from app.web.dependencies import Predictions, Snapshot
from app.web.problems import KEYED, documented
from icd_coder_client.coding import BatchAnswer

router = APIRouter(prefix="/v1", tags=["coding"])


@router.post(
    "/predict/batch",
    response_model_exclude_none=True,
    responses=documented(400, *KEYED, 408, 413, 415, 422, 500),
)
async def predict_batch(
    request: BatchRequest, visit: ByPredict, predictor: Predictions, state: Snapshot
) -> BatchAnswer:
    """Predictions of several notes, each with its answer or its problem, in the order of the request."""
    return await predictor.predict_batch(request, visit, state.max_batch)
