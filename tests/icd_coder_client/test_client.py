"""The Python client: the service's answers as types, its problems as exceptions."""

import io
import time
from collections.abc import Callable

import httpx
import pytest
from fastapi.testclient import TestClient

from icd_coder_client import (
    AccessRefused,
    Client,
    ClientError,
    InvalidArgument,
    JobStatus,
    NotNow,
    RequestRefused,
    ReviewAction,
    ServiceFailed,
    ServiceUnreachable,
)
from icd_coder_client import client as client_module
from icd_coder_client.connection import require_address
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
        answer = service.predict(NOTE, top_k=2).model_dump(mode="json", exclude_none=True)
        similar = service.neighbours(note_id="n1")
        assert service.model().labels.total == 4
    expected = client.post("/v1/predict", json={"text": NOTE, "top_k": 2}).json()
    assert {**answer, "timings_ms": None} == {**expected, "timings_ms": None}
    assert [note.note_id for note in similar.neighbours] == ["n3"]


def test_a_note_is_stored_audited_reviewed_exported_and_deleted(client: TestClient, coder: FakeCoder) -> None:
    """Every route by its types; an id may hold a slash and a blank."""
    wait_until_ready(client, coder)
    with Client(ADDRESS, transport=through(client)) as service:
        assert service.store_note("w/1 a", NOTE, []).created
        assert service.audit(NOTE, []).missing
        add: ReviewAction = {"action": "add", "system": "icd9cm", "code": "038.9", "position": 1}
        kept = service.review("w/1 a", [add], reviewer="Fake Coder")
        assert [code.code for code in kept.codes] == ["038.9"]
        page = service.reviews(note_id="w/1 a", since=kept.created_at)
        assert [review.review_id for review in page.reviews] == [kept.review_id]
        table = io.BytesIO()
        service.export_reviews(table, system="icd9cm")
        assert table.getvalue().decode().splitlines()[1].startswith('"w/1 a","w/1 a","038.9"')
        assert service.note("w/1 a").codes == []
        assert service.delete_note("w/1 a").reviews == 1
        assert service.codes("hyper", limit=1).codes[0].code == "401.9"
        batch = service.predict_batch([{"text": NOTE}, {"text": ""}])
        assert (batch.failed, batch.results[1].problem is None) == (1, False)


def test_an_export_that_is_refused_or_breaks_is_an_exception(client: TestClient) -> None:
    """As of any other route."""
    with Client(ADDRESS, transport=through(client)) as service:
        for note in ("n1", "n3"):
            service.review(note, [{"action": "accept", "code": "401.9"}])
        with pytest.raises(RequestRefused, match="name one system"):
            service.export_reviews(io.BytesIO())

    def breaks(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("no")

    with pytest.raises(ServiceUnreachable, match="ReadError"):
        Client(ADDRESS, transport=httpx.MockTransport(breaks)).export_reviews(io.BytesIO())


def test_a_problem_is_an_exception_that_carries_it(client: TestClient) -> None:
    """With its type, and without a word of the note."""
    with Client(ADDRESS, transport=through(client)) as service, pytest.raises(RequestRefused) as refused:
        service.predict(f"{CANARY}\0")
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
    with pytest.raises(InvalidArgument, match="server's address"):
        require_address(url)


def test_a_key_goes_into_the_header_alone() -> None:
    """One that is none is refused before anything is sent."""
    seen: list[str] = []
    answer: Callable[[httpx.Request], httpx.Response] = lambda request: (  # noqa: E731
        seen.append(request.headers["authorization"]) or httpx.Response(200)
    )
    assert Client(ADDRESS, "icd_0_x", transport=httpx.MockTransport(answer)).health()
    assert seen == ["Bearer icd_0_x"]
    for wrong in ("", "two words", "icd_\n", "ü"):
        with pytest.raises(InvalidArgument, match="not an access key"):
            Client(ADDRESS, wrong)


def test_half_a_letter_is_refused_by_the_service_and_not_shown(client: TestClient) -> None:
    """An error of the codec would hold the note."""
    with Client(ADDRESS, transport=through(client)) as service, pytest.raises(RequestRefused) as refused:
        service.predict(f"{CANARY} \ud800")
    assert CANARY not in str(refused.value)


def test_the_fields_of_a_refused_request_are_in_the_message(client: TestClient) -> None:
    """By their names, from the problem document."""
    with Client(ADDRESS, transport=through(client)) as service, pytest.raises(RequestRefused) as refused:
        service.predict(NOTE, top_k=0)
    (field,) = refused.value.problem.errors or ()
    assert field.field == "body.top_k"
    assert "body.top_k" in str(refused.value)


def test_an_answer_of_a_later_version_is_read(client: TestClient) -> None:
    """Fields that this version does not know are left out, also within."""
    answer = client.get("/v1/model").json()
    later = {**answer, "colour": 1, "labels": {**answer["labels"], "colour": 2}}
    service, _ = scripted(httpx.Response(200, json=later))
    assert service.model().model_dump() == answer


def status_of(done: int, ended: bool = False) -> httpx.Response:
    moment = "2026-11-30T12:00:00Z"
    fields = {"job_id": "j", "total": 2, "done": done, "failed": 0, "created_at": moment, "who": "no-auth"}
    ending = {"state": "done", "ended_at": moment} if ended else {"state": "running"}
    return httpx.Response(200, json=fields | ending)


def test_a_job_is_waited_for_with_its_progress() -> None:
    """Each status is told; the service is asked no more when the job has ended."""
    service, waits = scripted(status_of(0), status_of(1), status_of(2, ended=True))
    seen: list[JobStatus] = []
    assert service.wait_for_job("j", seen.append, 0.5).state == "done"
    assert [status.done for status in seen] == [0, 1, 2]
    assert waits == [0.5, 0.5]


def test_a_service_that_starts_again_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """For so many polls in a row; then the error says what to check."""
    monkeypatch.setattr(client_module, "MOST_FAILED_POLLS", 2)
    answers = iter([None, None, status_of(1), None, None, status_of(2, ended=True), None, None, None])

    def sometimes(_: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if answer is None:
            raise httpx.ConnectError("no")
        return answer

    with Client(ADDRESS, transport=httpx.MockTransport(sometimes), sleep=lambda _: None) as service:
        assert service.wait_for_job("j").done == 2
        with pytest.raises(ServiceUnreachable):
            service.wait_for_job("j")


def test_the_results_of_a_job_are_read_one_by_one(client: TestClient, coder: FakeCoder) -> None:
    """An answer or a problem for each note, and the same lines in a file."""
    wait_until_ready(client, coder)
    with Client(ADDRESS, transport=through(client), sleep=lambda _: time.sleep(0.01)) as service:
        job = service.submit_job([{"id": "a", "text": NOTE, "top_k": 1}, {"id": "b", "text": NOTE}], "k")
        assert service.wait_for_job(job.job_id).failed == 0
        results = list(service.job_results(job.job_id))
        assert [(result.id, result.problem) for result in results] == [("a", None), ("b", None)]
        assert len(results[0].answer.codes if results[0].answer else ()) == 1
        file = io.BytesIO()
        service.write_job_results(job.job_id, file)
        assert file.getvalue().count(b"\n") == 2


def test_every_error_is_one_of_the_client() -> None:
    """One except clause is enough."""
    for kind in (AccessRefused, InvalidArgument, NotNow, RequestRefused, ServiceFailed, ServiceUnreachable):
        assert issubclass(kind, ClientError)
