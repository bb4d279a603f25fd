"""Several notes in one request: every answer is the serial one, every problem its item's own."""

from io import StringIO
from time import process_time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from app.access.gate import OpenGate
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import CANARY, FakeCoder

WORDS = ("hypertension", "diabetes", "failure", "angioplasty")
SERVICE = "POST /v1/predict/batch"


def ask(client: TestClient, items: list[Any]) -> dict[str, Any]:
    response = client.post("/v1/predict/batch", json={"items": items})
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def slug(result: dict[str, Any]) -> str:
    assert set(result) == {"problem"}
    assert {"type", "title", "status", "detail"} <= set(result["problem"])
    return str(result["problem"]["type"]).rpartition(":")[2]


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "timings_ms": None}


def test_each_answer_is_that_of_a_request_of_its_own(client: TestClient) -> None:
    """In the order of the items, whose options are their own."""
    items = [{"text": f"Testperson with {word}", "top_k": number} for number, word in enumerate(WORDS, start=1)]
    batch = ask(client, items)
    assert (batch["bundle_id"], batch["failed"]) == ("b" * 64, 0)
    for item, result in zip(items, batch["results"], strict=True):
        alone = client.post("/v1/predict", json=item).json()
        assert without_times(result["answer"]) == without_times(alone)


def test_a_bad_item_is_a_problem_and_loses_no_other(client: TestClient, logs: StringIO) -> None:
    """Of shape, of content, of options, of the database; none says a word of the request."""
    bad = {
        "invalid-request": [{"text": 5}, {}, CANARY, None, {"text": CANARY, CANARY: 1}, {"text": CANARY, "top_k": "x"}],
        "invalid-note": [{"text": f"{CANARY}\0"}, {"text": ""}],
        "invalid-option": [{"text": CANARY, "top_k": 501}, {"text": CANARY, "include": ["I21"]}],
        "unknown-note": [{"note_id": CANARY}],
    }
    items, expected = [], []
    for name, found in bad.items():
        for item in found:
            items += [item, {"text": "hypertension"}]
            expected += [name, None]
    batch = ask(client, items)
    assert [slug(result) if "problem" in result else None for result in batch["results"]] == expected
    assert batch["failed"] == sum(name is not None for name in expected)
    assert CANARY not in str([result.get("problem") for result in batch["results"]])
    assert CANARY not in logs.getvalue()


def test_an_unforeseen_error_is_the_item_s_alone(client: TestClient, coder: FakeCoder, logs: StringIO) -> None:
    """Without its message, in the answer and in the log."""
    whole = coder.predict

    def fails(texts: list[str], *rest: Any) -> Any:
        if "diabetes" in texts[0]:
            raise RuntimeError(CANARY)
        return whole(texts, *rest)

    coder.predict = fails  # type: ignore[method-assign]
    batch = ask(client, [{"text": "hypertension"}, {"text": "diabetes"}, {"text": "failure"}])
    assert [list(result) for result in batch["results"]] == [["answer"], ["problem"], ["answer"]]
    assert slug(batch["results"][1]) == "internal-error"
    assert CANARY not in str(batch["results"][1]) + logs.getvalue()
    assert '"error": "RuntimeError"' in logs.getvalue()


def test_a_batch_over_the_limit_is_refused_before_the_work(indexed: str, coder: FakeCoder) -> None:
    """Of items, characters and bytes; the message names both numbers."""
    settings = load_settings(database=indexed, max_batch=2, max_characters=100, max_body_bytes=1000)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        refused = client.post("/v1/predict/batch", json={"items": [{"text": "x"}] * 3})
        assert problem(refused) == (422, "invalid-option")
        assert "3 items, the limit is 2" in refused.json()["detail"]
        assert "x" not in coder.texts
        long = ask(client, [{"text": "x" * 101}, {"text": "hypertension"}])
        assert slug(long["results"][0]) == "note-too-long"
        assert "answer" in long["results"][1]
        large = client.post("/v1/predict/batch", json={"items": [{"text": "x" * 600}] * 2})
        assert problem(large) == (413, "body-too-large")


@pytest.mark.parametrize("wrong", [b"1", b"{}", b'{"x":1}'])
def test_many_wrong_items_cost_no_more_than_reading_them(client: TestClient, wrong: bytes) -> None:
    """They are counted before they are looked at: 900,000 held up every other request for 45 seconds."""
    body = b'{"items": [' + b",".join([wrong] * 8_000) + b"]}"
    started = process_time()
    answer = client.post("/v1/predict/batch", content=body, headers={"Content-Type": "application/json"})
    assert process_time() - started < 0.2
    assert problem(answer) == (422, "invalid-option")


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": "x"}, {"items": [], "x": 1}, []])
def test_a_body_that_is_no_batch_is_refused(client: TestClient, body: Any) -> None:
    """As a whole."""
    assert problem(client.post("/v1/predict/batch", json=body)) == (422, "invalid-request")


def test_each_item_leaves_its_own_row_in_the_access_log(client: TestClient, indexed: str) -> None:
    """With the notes that it met; one that met none leaves none."""
    ask(client, [{"note_id": "n1"}, {"text": "hypertension", "neighbours": 0}, {"note_id": "absent"}])
    rows = [row for row in logged(create_engine(indexed)) if row[0] == "no-auth"]
    assert rows == [("no-auth", SERVICE, '["n1","n3"]', 200)]
