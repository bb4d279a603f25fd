"""``GET /v1/model``: the active bundle."""

import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter

from app.web.authorization import ByAnyKey
from app.web.dependencies import Snapshot
from app.web.problems import KEYED, documented
from icd_coder_client.coding import LabelCounts, ModelAnswer

router = APIRouter(prefix="/v1", tags=["coding"])
VERSIONED = ("icd-coder", "torch", "transformers", "fastapi")


@router.get("/model", responses=documented(*KEYED, 500, 503))
async def model(_visit: ByAnyKey, state: Snapshot) -> ModelAnswer:
    """The bundle that answers: identity, label space, card, versions."""
    coder = state.coder
    systems = Counter(label.system for label in coder.labels.labels)
    return ModelAnswer(
        bundle_id=coder.bundle_id,
        precision=coder.precision,
        embedding_id=coder.embedding_id,
        embedding_dim=coder.embedding_dim,
        labels=LabelCounts(total=systems.total(), by_system=dict(sorted(systems.items()))),
        card=coder.card,
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
