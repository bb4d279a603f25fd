"""The Python client: the service's answers as types, its problems as exceptions."""

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from app.audit.schemas import AuditRequest
from app.catalogue.schemas import CodesQuery
from app.client import (
    AccessRefused,
    Client,
    NotNow,
    RequestRefused,
    ServiceFailed,
    ServiceUnreachable,
    read_key,
    require_address,
)
from app.coding.batch import BatchRequest
from app.coding.schemas import PredictRequest
from app.neighbours.schemas import NeighboursRequest
from app.notes.schemas import NoteRequest
from app.reviews.schemas import ExportQuery, ReviewAction, ReviewRequest, ReviewsQuery
from model.errors import InvalidOption, MissingInput
from tests.app.answers import NOTE, through, wait_until_ready
from tests.app.fakes import CANARY, FakeCoder

ADDRESS = "http://127.0.0.1:8000"


def scripted(*answers: httpx.Response) -> tuple[Client, list[float]]:
    """A client whose service gives these answers in turn, and the waits that it makes."""
    waits: list[float] = []
    left = iter(answers)
    return Client(ADDRESS, transport=httpx.MockTransport(lambda _: next(left)), attempts=3, sleep=waits.append), waits


def test_answers_are_those_of_the_service(client: TestClient, coder: FakeCoder) -> None:
    """Field by field, but for the timings."""
    wait_until_ready(client, coder)
    with Client(ADDRESS, transport=through(client)) as service:
        assert service.health() is True
        answer = service.predict(PredictRequest(text=NOTE, top_k=2)).model_dump(mode="json", exclude_none=True)
        similar = service.neighbours(NeighboursRequest(note_id="n1"))
        assert service.model().labels.total == 4
    expected = client.post("/v1/predict", json={"text": NOTE, "top_k": 2}).json()
    assert {**answer, "timings_ms": None} == {**expected, "timings_ms": None}
    assert [note.note_id for note in similar.neighbours] == ["n3"]


def test_a_note_is_stored_audited_reviewed_exported_and_deleted(client: TestClient, coder: FakeCoder) -> None:
    """Every route by its types; an id may hold a slash and a blank."""
    wait_until_ready(client, coder)
    with Client(ADDRESS, transport=through(client)) as service:
        assert service.store_note(NoteRequest(note_id="w/1 a", text=NOTE, codes=[])).created
        assert service.audit(AuditRequest(text=NOTE, codes=[])).missing
        add = ReviewAction(action="add", system="icd9cm", code="038.9", position=1)
        kept = service.review(ReviewRequest(note_id="w/1 a", actions=[add], reviewer="Fake Coder"))
        assert [code.code for code in kept.codes] == ["038.9"]
        page = service.reviews(ReviewsQuery(note_id="w/1 a", since=kept.created_at))
        assert [review.review_id for review in page.reviews] == [kept.review_id]
        table = io.BytesIO()
        service.export_reviews(ExportQuery(system="icd9cm"), table)
        assert table.getvalue().decode().splitlines()[1].startswith('"w/1 a","w/1 a","038.9"')
        assert service.note("w/1 a").codes == []
        assert service.delete_note("w/1 a").reviews == 1
        assert service.codes(CodesQuery(q="hyper", limit=1)).codes[0].code == "401.9"
        batch = service.predict_batch(BatchRequest(items=[PredictRequest(text=NOTE), PredictRequest(text="")]))
        assert (batch.failed, batch.results[1].problem is None) == (1, False)


def test_an_export_that_is_refused_or_breaks_is_an_exception(client: TestClient) -> None:
    """As of any other route."""
    with Client(ADDRESS, transport=through(client)) as service:
        for note in ("n1", "n3"):
            service.review(ReviewRequest(note_id=note, actions=[ReviewAction(action="accept", code="401.9")]))
        with pytest.raises(RequestRefused, match="name one system"):
            service.export_reviews(ExportQuery(), io.BytesIO())

    def breaks(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("no")

    with pytest.raises(ServiceUnreachable, match="ReadError"):
        Client(ADDRESS, transport=httpx.MockTransport(breaks)).export_reviews(ExportQuery(), io.BytesIO())


def test_a_problem_is_an_exception_that_carries_it(client: TestClient) -> None:
    """With its type, and without a word of the note."""
    with Client(ADDRESS, transport=through(client)) as service, pytest.raises(RequestRefused) as refused:
        service.predict(PredictRequest(text=f"{CANARY}\0"))
    assert refused.value.problem.type == "urn:icd-coder:problem:invalid-note"
    assert refused.value.problem.status == 422
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessRefused), (403, AccessRefused), (404, RequestRefused), (500, ServiceFailed), (302, ServiceFailed)],
)
def test_a_status_has_its_exception(status: int, kind: type[Exception]) -> None:
    """Also of a proxy that sends a page; a redirect is not followed, for the note would go elsewhere."""
    service, waits = scripted(httpx.Response(status, text="<html>", headers={"Location": "http://elsewhere"}))
    with pytest.raises(kind, match=f"answered {status}: the server gave no reason"):
        service.model()
    assert waits == []


def test_a_request_is_sent_again_when_the_service_asks(client: TestClient) -> None:
    """After the time that it names, a minute at most, and not for ever."""
    busy = [httpx.Response(503, headers={"Retry-After": wait}, json={"status": 503}) for wait in ("7", "3600", "1")]
    good = client.get("/v1/model")
    service, waits = scripted(*busy[:2], httpx.Response(200, content=good.content))
    assert service.model().bundle_id == "b" * 64
    assert waits == [7, 60]
    service, waits = scripted(*busy)
    with pytest.raises(NotNow):
        service.model()
    assert waits == [7, 60]


def test_a_503_without_a_time_is_not_tried_again() -> None:
    """The service did not ask for a retry."""
    service, waits = scripted(httpx.Response(503))
    with pytest.raises(NotNow):
        service.model()
    assert waits == []
    assert scripted(httpx.Response(503))[0].health() is False


def test_an_answer_of_another_shape_is_named() -> None:
    """Without its content."""
    service, _ = scripted(httpx.Response(200, json={"text": CANARY}))
    with pytest.raises(ServiceFailed, match="another version") as failed:
        service.model()
    assert CANARY not in str(failed.value)


def test_an_unreachable_service_is_one_sentence() -> None:
    """That names the address."""

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with pytest.raises(ServiceUnreachable, match=r"no answer from 'http://127\.0\.0\.1:8000' \(ConnectError\)"):
        Client(ADDRESS, transport=httpx.MockTransport(refuse)).health()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://x",
        "http://",
        "http://a:b@host",
        "http://[",
        "http://h:0",
        "http://h:99999",
        "file:///x",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidOption, match="server's address"):
        require_address(url)


def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    """And goes into the header alone."""
    file = tmp_path / "key"
    file.write_text("icd_0_x\n")
    seen: list[str] = []
    answer: Callable[[httpx.Request], httpx.Response] = lambda request: (  # noqa: E731
        seen.append(request.headers["authorization"]) or httpx.Response(200)
    )
    assert Client(ADDRESS, read_key(file), transport=httpx.MockTransport(answer)).health()
    assert seen == ["Bearer icd_0_x"]
    file.write_text("two words")
    with pytest.raises(InvalidOption, match="not an access key"):
        read_key(file)
    with pytest.raises(MissingInput, match="cannot be read"):
        read_key(tmp_path / "absent")
