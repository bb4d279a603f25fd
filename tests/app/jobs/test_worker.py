"""The worker: it goes on after whatever happens, and a service that is started again finishes what was begun."""

import asyncio
import json
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.errors import DatabaseUnavailable, Overloaded, TryLater
from app.jobs import worker as worker_module
from app.jobs.repository import Outcome, WaitingItem
from app.jobs.worker import JobWorker
from app.settings import load_settings
from app.web.application import create_app
from tests.app.answers import problem, wait_until_ready
from tests.app.fakes import FakeCoder
from tests.app.jobs.job_files import ended, job_file, result_lines, submit

ANSWER = Outcome("{}", False, 200)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as they are for users, the tests would take minutes."""
    monkeypatch.setattr(worker_module, "PAUSES", (0.001, 0.002))
    monkeypatch.setattr(worker_module, "GRACE_SECONDS", 0.001)


class FakeQueue:
    """Items from a list; the calls of a name fail as often as told."""

    def __init__(self, count: int, **failures: list[Exception]) -> None:
        self.waiting = [WaitingItem(i, i, "{}", 1, "j1", "who", None) for i in range(count)]
        self.finished: list[int] = []
        self.failures = failures
        self.begun = False
        self.empty = threading.Event()

    def fail(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].pop(0)

    def next(self) -> WaitingItem | None:
        self.fail("next")
        if not self.waiting:
            self.empty.set()
            return None
        return self.waiting[0]._replace(begun=self.begun)

    def begin(self, item: WaitingItem) -> None:
        self.fail("begin")
        self.begun = True

    def release(self, item: WaitingItem) -> None:
        self.fail("release")
        self.begun = False

    def finish(self, item: WaitingItem, outcome: Outcome) -> bool:
        self.fail("finish")
        self.begun = False
        self.finished.append(self.waiting.pop(0).row)
        return True

    def delete_old(self) -> list[str]:
        self.fail("delete_old")
        return []

    def erase_left(self) -> None:
        return None


def work(queue: FakeQueue, answer: Callable[[WaitingItem], Any]) -> None:
    """Until the queue is empty."""

    async def main() -> None:
        async def begun(item: WaitingItem, begin: Callable[[], None]) -> Outcome:
            begin()
            return await answer(item)

        worker = JobWorker(queue, begun)
        worker.start()
        assert await asyncio.to_thread(queue.empty.wait, 30)
        await worker.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "failures",
    [
        {},
        {"next": [DatabaseUnavailable("no"), DatabaseUnavailable("no")]},
        {"finish": [DatabaseUnavailable("no")]},
        {"begin": [DatabaseUnavailable("no")]},
        {"delete_old": [DatabaseUnavailable("no")]},
        {"answer": [Overloaded("no"), TryLater("no")]},
        {"answer": [Overloaded("no")], "release": [DatabaseUnavailable("no")]},
    ],
)
def test_what_fails_now_is_tried_again(failures: dict[str, list[Exception]], logs: StringIO) -> None:
    """The same item, until it has its result; the log says that there was a pause."""
    expected = sum(map(len, failures.values()))
    queue = FakeQueue(3, **failures)

    async def answer(_: WaitingItem) -> Outcome:
        queue.fail("answer")
        return ANSWER

    work(queue, answer)
    assert queue.finished == [0, 1, 2]
    said = logs.getvalue().count('"jobs pause"') + logs.getvalue().count("cannot be released")
    assert min(expected, 1) <= said <= expected  # what repeats is logged once a minute


@pytest.mark.parametrize(("begun", "coded"), [(False, [0, 1, 2]), (True, [1, 2])])
def test_a_note_during_which_a_process_ended_is_given_up(begun: bool, coded: list[int], logs: StringIO) -> None:
    """At the first time, and the others are coded."""
    queue, answered = FakeQueue(3), []
    queue.begun = begun

    async def answer(item: WaitingItem) -> Outcome:
        answered.append(item.row)
        return ANSWER

    work(queue, answer)
    assert (answered, queue.finished) == (coded, [0, 1, 2])
    assert ("a job's note is given up" in logs.getvalue()) == begun


def test_a_note_that_another_process_still_codes_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a rolling upgrade: the other one stores its result in time, and its next note is coded here too."""
    monkeypatch.setattr(worker_module, "GRACE_SECONDS", 0.5)
    queue, answered = FakeQueue(3), []
    queue.begun = True
    threading.Timer(0.1, queue.finish, [queue.waiting[0], ANSWER]).start()

    async def answer(item: WaitingItem) -> Outcome:
        answered.append(item.row)
        return ANSWER

    work(queue, answer)
    assert (answered, queue.finished) == ([1, 2], [0, 1, 2])


def test_an_unexpected_error_does_not_end_the_thread(logs: StringIO) -> None:
    """It is logged without its words."""
    queue = FakeQueue(1, finish=[ValueError("a word of a note")])

    async def answer(_: WaitingItem) -> Outcome:
        return ANSWER

    work(queue, answer)
    assert queue.finished == [0]
    assert "ValueError" in logs.getvalue()
    assert "a word of a note" not in logs.getvalue()


def test_closing_drops_the_item_at_work() -> None:
    """It has no result, is the next one after the next start, and is not blamed."""
    queue = FakeQueue(2)

    async def main() -> None:
        at_work = asyncio.Event()

        async def answer(_: WaitingItem, begin: Callable[[], None]) -> Outcome:
            begin()
            at_work.set()
            await asyncio.Event().wait()
            return ANSWER

        worker = JobWorker(queue, answer)
        worker.start()
        await asyncio.wait_for(at_work.wait(), 30)
        await worker.close()

    asyncio.run(main())
    assert queue.finished == []
    assert len(queue.waiting) == 2
    assert not queue.begun


def test_a_restart_finishes_what_was_begun(indexed: str, coder: FakeCoder) -> None:
    """Each item once, and the status tells of both halves."""
    settings = load_settings(database=indexed)
    body = job_file(6)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        wait_until_ready(client, coder)
        job = submit(client, body).json()["job_id"]
        for _ in range(3):
            assert coder.entered.acquire(timeout=30)
        coder.gate.clear()
        threading.Timer(0.1, coder.gate.set).start()  # the stop waits for the note at work
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        assert ended(client, job)["done"] == 6
        assert [line["line"] for line in result_lines(client, job)] == [1, 2, 3, 4, 5, 6]


class Panic(BaseException):
    """As of a library in Rust, pyo3's PanicException: no Exception, and its words can be those of a note."""


@pytest.mark.parametrize("error", [RuntimeError, Panic])
def test_an_error_of_one_note_is_its_problem(
    client: TestClient, coder: FakeCoder, logs: StringIO, error: type[BaseException]
) -> None:
    """The others are coded; neither the result nor the log has its words."""
    wait_until_ready(client, coder)
    coder.error = error("a word of a note")
    job = submit(client, job_file(1)).json()["job_id"]
    assert ended(client, job, 10)["failed"] == 1
    assert problem(client.post("/v1/predict", json={"text": "x"})) == (500, "internal-error")
    coder.error = None
    assert ended(client, submit(client, job_file(1), "k2").json()["job_id"])["failed"] == 0
    (line,) = result_lines(client, job)
    assert (line["problem"]["status"], line["problem"]["type"]) == (500, "urn:icd-coder:problem:internal-error")
    assert "a word of a note" not in json.dumps(line) + logs.getvalue()
    assert "unexpected error in a job" in logs.getvalue()
