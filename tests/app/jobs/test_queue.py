"""The queue of items on both engines: order, one result each, what is erased, and what is deleted in time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from app.database.engine import open_engine, write
from app.database.tables import Job, JobItem, JobResult
from app.errors import DatabaseUnavailable
from app.jobs import repository
from app.jobs.job_file import LineLimits, read_job_file
from app.jobs.queue import JobQueue
from app.jobs.repository import JobRow, NewJob, Outcome
from tests.app.access_log.rows import logged
from tests.app.jobs.job_files import job_file
from tests.canary import CANARY

ANSWER = Outcome('{"answer": 1}', False, 200)
PROBLEM = Outcome('{"problem": 1}', True, 422)
LIMITS = LineLimits(max_items=100, max_characters=1000, max_top_k=50, max_bytes=10_000)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = open_engine(migrated_url)
    yield engine
    engine.dispose()


def add(engine: Engine, job_id: str, count: int) -> None:
    """A job of a caller of its own name."""
    job = NewJob(job_id, job_id, "k" * 64, "b" * 64, "r1", datetime.now(UTC))
    with write(engine) as connection:
        repository.add_job(connection, job, read_job_file(job_file(count), LIMITS), reads_notes=True)


def job_of(engine: Engine, job_id: str) -> JobRow:
    with engine.connect() as connection:
        found = repository.job_by_id(connection, job_id)
    assert found is not None
    return found


def texts(engine: Engine) -> list[str | None]:
    with engine.connect() as connection:
        return list(connection.scalars(select(JobItem.request).order_by(JobItem.id)))


def refuse(*_: object) -> None:
    raise DatabaseUnavailable("no log")


def test_items_come_in_their_order_job_after_job(engine: Engine) -> None:
    """Each with what it asks; the next one only when the one before has its result; then none."""
    add(engine, "j1", 2)
    add(engine, "j2", 1)
    queue = JobQueue(engine, timedelta(days=1))
    seen = []
    while (item := queue.next()) is not None:
        assert queue.next() == item
        seen.append((item.job_id, item.sequence, json.loads(item.request)["text"][:6]))
        assert queue.finish(item, PROBLEM if item.sequence == 2 else ANSWER)
    assert seen == [("j1", 1, "Fake 0"), ("j1", 2, "Fake 1"), ("j2", 1, "Fake 0")]
    status = job_of(engine, "j1").status()
    assert (status.state, status.done, status.failed) == ("done", 2, 1)
    with engine.connect() as connection:
        rows = repository.results_after(connection, job_of(engine, "j1").row, 0, 10)
    assert [(row.sequence, row.item_id, row.failed, row.content) for row in rows] == [
        (1, "note 0", False, ANSWER.content),
        (2, "note 1", True, PROBLEM.content),
    ]


def test_a_text_goes_with_its_result_and_a_row_of_the_log_comes(engine: Engine) -> None:
    """In one transaction: a result that cannot be logged is not stored, and the item still waits."""
    add(engine, "j1", 2)
    queue = JobQueue(engine, timedelta(days=1))
    item = queue.next()
    assert item is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.jobs.queue.append", refuse)
        with pytest.raises(DatabaseUnavailable):
            queue.finish(item, ANSWER)
    assert queue.next() == item
    assert None not in texts(engine)
    assert queue.finish(item, ANSWER)
    assert [text is None for text in texts(engine)] == [True, False]
    assert logged(engine)[-1] == ("j1", "job item", '["j1/1"]', 200)


def test_an_item_gets_no_second_result(engine: Engine) -> None:
    """Not from who comes late, and not past the code."""
    add(engine, "j1", 2)
    queue = JobQueue(engine, timedelta(days=1))
    item = queue.next()
    assert item is not None
    assert queue.finish(item, ANSWER)
    assert not queue.finish(item, PROBLEM)
    assert job_of(engine, "j1").done == 1
    assert len(logged(engine)) == 1


def test_the_answer_to_a_cancelled_or_deleted_job_is_dropped(engine: Engine) -> None:
    """And every text is gone."""
    add(engine, "j1", 2)
    add(engine, "j2", 2)
    queue = JobQueue(engine, timedelta(days=1))
    for job_id, end in (("j1", repository.cancel), ("j2", None)):
        item = queue.next()
        assert item is not None
        assert item.job_id == job_id
        with write(engine) as connection:
            if end is None:
                repository.delete_job(connection, job_of(engine, job_id))
            else:
                end(connection, job_of(engine, job_id), datetime.now(UTC))
        assert not queue.finish(item, ANSWER)
    assert texts(engine) == [None, None]
    assert queue.next() is None
    assert job_of(engine, "j1").status().state == "cancelled"
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(JobResult)) == 0


def test_ended_jobs_go_when_they_were_kept_long_enough(engine: Engine) -> None:
    """With their items and results, never one that has not ended; the log says which."""
    for job_id in ("j1", "j2", "j3"):
        add(engine, job_id, 1)
    keep = JobQueue(engine, timedelta(days=1))
    for _ in range(2):
        item = keep.next()
        assert item is not None
        assert keep.finish(item, ANSWER)
    assert keep.delete_old() == []
    assert len(logged(engine)) == 2
    assert sorted(JobQueue(engine, timedelta(seconds=-1)).delete_old()) == ["j1", "j2"]
    assert logged(engine)[-1][:3] == ("retention", "delete jobs", '["j1","j2"]')
    with engine.connect() as connection:
        assert list(connection.scalars(select(Job.job_id))) == ["j3"]
        assert connection.scalar(select(func.count()).select_from(JobItem)) == 1
        assert connection.scalar(select(func.count()).select_from(JobResult)) == 0


def test_a_note_is_marked_while_it_is_coded(engine: Engine) -> None:
    """Until it has its result or is released; the next note is not, and there is no row in the access log."""
    add(engine, "j1", 2)
    queue = JobQueue(engine, timedelta(days=1))
    item = queue.next()
    assert item is not None
    assert not item.begun
    queue.begin(item)
    assert queue.next() == item._replace(begun=True)
    queue.release(item)
    assert queue.next() == item
    queue.begin(item)
    assert logged(engine) == []
    queue.finish(item, ANSWER)
    after = queue.next()
    assert after is not None
    assert (after.sequence, after.begun) == (2, False)


@pytest.mark.parametrize("end", ["done", "cancelled", "deleted"])
def test_no_word_of_a_note_stays_in_the_files(url: str, tmp_path: Path, end: str) -> None:
    """Of an ended job, in the database and its write-ahead log."""
    engine = open_engine(url, keeps_open=True)
    add(engine, "j1", 3)
    queue = JobQueue(engine, timedelta(seconds=-1))
    assert CANARY in whole(tmp_path)
    if end == "cancelled":
        with write(engine) as connection:
            repository.cancel(connection, job_of(engine, "j1"), datetime.now(UTC))
    while (item := queue.next()) is not None:
        queue.finish(item, ANSWER)
    if end != "done":
        assert queue.delete_old() == ["j1"]
    assert CANARY not in whole(tmp_path)
    engine.dispose()


def test_words_that_a_killed_process_left_go_at_the_next_start(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the last result and the emptying of the write-ahead log."""
    engine = open_engine(url, keeps_open=True)
    add(engine, "j1", 1)
    queue = JobQueue(engine, timedelta(days=1))
    item = queue.next()
    assert item is not None
    with monkeypatch.context() as killed:
        killed.setattr("app.jobs.queue.erase_deleted", lambda _: None)
        queue.finish(item, ANSWER)
    assert CANARY in whole(tmp_path)
    assert queue.delete_old() == []
    assert CANARY not in whole(tmp_path)
    engine.dispose()


def whole(folder: Path) -> str:
    """Every byte of every file, as letters."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.iterdir())
