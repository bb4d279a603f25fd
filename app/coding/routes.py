"""Predict, and the model that predicts."""

import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter

from app.access.requirements import ByAnyKey, ByPredict
from app.access.withholding import permitted, visible_prediction
from app.coding.schemas import LabelCounts, ModelAnswer, PredictAnswer, PredictRequest
from app.neighbours.schemas import notes_read
from app.problems import KEYED, documented
from app.state import Coding, Parts

router = APIRouter(prefix="/v1", tags=["coding"])
VERSIONED = ("icd-coder", "torch", "transformers", "fastapi")


@router.post(
    "/predict",
    response_model_exclude_none=True,
    responses=documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503),
)
async def predict(request: PredictRequest, visit: ByPredict, coding: Coding, parts: Parts) -> PredictAnswer:
    """Ranked ICD codes of a note with evidence, and the most similar stored notes with their codes."""
    asked, warnings = permitted(request, visit)
    answer = await coding.predict(asked)
    record = None if parts.recorder is None else parts.recorder.recording(asked.note_id, answer.codes)
    await parts.journal.write(visit.entry(notes_read(asked, answer)), record)
    return visible_prediction(answer, visit, warnings)


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
