"""Predictions of several notes, and the model that predicts."""

import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter

from app.coding.batch import BatchAnswer, BatchRequest, answer_batch
from app.coding.schemas import LabelCounts, ModelAnswer
from app.web.authorization import ByAnyKey, ByPredict
from app.web.problems import KEYED, documented
from app.web.state import Parts

router = APIRouter(prefix="/v1", tags=["coding"])
VERSIONED = ("icd-coder", "torch", "transformers", "fastapi")


@router.post(
    "/predict/batch",
    response_model_exclude_none=True,
    responses=documented(400, *KEYED, 408, 413, 415, 422, 500),
)
async def predict_batch(request: BatchRequest, visit: ByPredict, parts: Parts) -> BatchAnswer:
    """Predictions of several notes, each with its answer or its problem, in the order of the request."""
    return await answer_batch(request, visit, parts)


@router.get("/model", responses=documented(*KEYED, 500, 503))
async def model(_visit: ByAnyKey, parts: Parts) -> ModelAnswer:
    """The bundle that answers: identity, label space, card, versions."""
    systems = Counter(label.system for label in parts.coder.labels.labels)
    return ModelAnswer(
        bundle_id=parts.coder.bundle_id,
        precision=parts.coder.precision,
        embedding_id=parts.coder.embedding_id,
        embedding_dim=parts.coder.embedding_dim,
        labels=LabelCounts(total=systems.total(), by_system=dict(sorted(systems.items()))),
        card=parts.coder.card,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in VERSIONED:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that is not installed
            versions[package] = "not installed"
    return versions
