"""The audit over HTTP by a bundle from disk with a ranker of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.inference.worker import load_coder
from app.settings import load_settings
from app.web.application import create_app
from model.ranking.ranker import Ranker
from tests.app.answers import problem
from tests.factories import NOTE, save_tiny_bundle
from tests.tiny_bundle_ranker import tiny_bundle_ranker

TEXT = f"{NOTE} Then severe pneumonia today."
ASSIGNED = [{"code": "401.9"}, {"code": "486"}, {"code": "0066"}, {"system": "icd9cm", "code": "E999"}]


@contextmanager
def serving(folder: Path, ranker: Ranker) -> Iterator[TestClient]:
    save_tiny_bundle(folder / "bundle", ranker=ranker)
    coder = load_coder(folder / "bundle", threads=1)
    with TestClient(create_app(load_settings(torch_threads=1), coder, OpenGate())) as client:
        yield client


def test_words_decide_what_is_supported(tmp_path: Path) -> None:
    """Titles and a phrase propose; what only the classifier names is unsupported, and evidence points into the note."""
    with serving(tmp_path, tiny_bundle_ranker()) as client:
        answer = client.post("/v1/audit", json={"text": TEXT, "codes": ASSIGNED}).json()
    found = {
        part: [code["code"] for code in answer[part]] for part in ("supported", "unsupported", "missing", "not_judged")
    }
    assert found == {
        "supported": ["401.9", "486"],
        "unsupported": ["00.66"],
        "missing": ["250.00", "428.0"],
        "not_judged": ["E999"],
    }
    assert answer["false_negative_rate"] == 0.1
    pneumonia = answer["supported"][1]
    assert "lexicon" in pneumonia["channels"]
    assert any("pneumonia" in span["text"].lower() for span in pneumonia["evidence"])
    assert all(TEXT[span["start"] : span["end"]] == span["text"] for span in pneumonia["evidence"])


def test_a_ranker_without_a_conformal_set_is_a_conflict(tmp_path: Path) -> None:
    """The request is good, the bundle cannot: 409 with the next step, and predictions go on."""
    with serving(tmp_path, tiny_bundle_ranker(conformal=())) as client:
        answer = client.post("/v1/audit", json={"text": TEXT, "codes": ASSIGNED})
        assert client.post("/v1/predict", json={"text": TEXT}).json()["codes"]
    assert problem(answer) == (409, "no-conformal-set")
    assert "train with more" in answer.json()["detail"]
