"""One thread codes; the queue is bounded; whoever goes away is not coded."""

import ast
import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import app
from app.errors import OutOfTime, Overloaded
from app.inference.worker import Inference, use_threads
from model.evidence.gradient_budget import current_budget
from model.prediction import CodedNote
from tests.app.fakes import FakeCoder


async def entered(coder: FakeCoder) -> None:
    """Wait, off the event loop, until the worker is in the coder."""
    assert await asyncio.to_thread(coder.entered.acquire, timeout=60)


def test_a_note_whose_caller_has_gone_is_never_coded(coder: FakeCoder) -> None:
    """A client that disconnects frees its place."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=4, threads=1) as inference:
            coder.gate.clear()
            first = asyncio.create_task(inference.predict("first", 1, "none"))
            await entered(coder)
            gone = asyncio.create_task(inference.predict("gone", 1, "none"))
            last = asyncio.create_task(inference.predict("last", 1, "none"))
            await asyncio.sleep(0)
            gone.cancel()
            with suppress(asyncio.CancelledError):  # the cancellation reaches the queue in the loop's next turn
                await gone
            coder.gate.set()
            await asyncio.gather(first, last)

    asyncio.run(scene())
    assert coder.texts == ["first", "last"]


def test_stopping_ends_the_note_at_work_and_refuses_the_others(coder: FakeCoder) -> None:
    """Waiting and new notes get Overloaded, not silence."""

    async def scene() -> list[object]:
        inference = Inference(coder, max_waiting=4, threads=1)
        inference.start()
        coder.gate.clear()
        tasks = [asyncio.create_task(inference.predict(f"note {i}", 1, "none")) for i in range(3)]
        await entered(coder)
        inference.close()
        with pytest.raises(Overloaded, match="stopping"):
            await inference.predict("late", 1, "none")
        coder.gate.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    answers = asyncio.run(scene())
    assert coder.texts == ["note 0"]
    assert [isinstance(answer, Overloaded) for answer in answers] == [False, True, True]


def test_a_full_queue_refuses_at_once(coder: FakeCoder) -> None:
    """And goes on when there is room again."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=1, threads=1) as inference:
            coder.gate.clear()
            first = asyncio.create_task(inference.predict("first", 1, "none"))
            await entered(coder)
            second = asyncio.create_task(inference.predict("second", 1, "none"))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="1 notes are waiting"):
                await inference.predict("third", 1, "none")
            coder.gate.set()
            await asyncio.gather(first, second)
            await inference.predict("fourth", 1, "none")

    asyncio.run(scene())
    assert coder.texts == ["first", "second", "fourth"]


def test_a_note_waits_for_one_low_priority_note_at_most(coder: FakeCoder) -> None:
    """The one being coded; those in the queue are coded later, whatever the deadline of the other note."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=1, threads=1, deadline_seconds=30) as inference:
            coder.gate.clear()
            slow = [asyncio.create_task(inference.predict(f"job {i}", 1, "none", low_priority=True)) for i in range(3)]
            await entered(coder)
            quick = asyncio.create_task(inference.predict("quick", 1, "none"))
            await asyncio.sleep(0)
            assert inference.waiting == 1
            coder.gate.set()
            await asyncio.gather(quick, *slow)

    asyncio.run(scene())
    assert coder.texts == ["job 0", "quick", "job 1", "job 2"]


def test_all_notes_are_coded_by_one_thread(coder: FakeCoder) -> None:
    """Tokenizer and coder belong to it."""
    names: set[str] = set()
    code = coder._code

    def spy(text: str, top_k: int, explain: str):  # type: ignore[no-untyped-def]
        names.add(threading.current_thread().name)
        return code(text, top_k, explain)

    coder._code = spy  # type: ignore[method-assign]

    async def scene() -> None:
        async with Inference(coder, max_waiting=8, threads=1) as inference:
            await asyncio.gather(*(inference.predict(f"note {i}", 1, "none") for i in range(8)))

    asyncio.run(scene())
    assert names == {"inference"}


def test_no_other_file_of_the_room_opens_a_bundle_or_imports_torch() -> None:
    """One place owns the model."""
    importers = {
        path.name
        for path in Path(app.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {getattr(node, "module", None), *(alias.name for alias in node.names)}
        & {"torch", "transformers", "model.bundle", "model.coder", "model.network.network"}
    }
    assert importers == {"worker.py"}


def test_the_threads_of_torch_are_set() -> None:
    """In the calling thread."""
    import torch

    before = torch.get_num_threads()
    use_threads(1)
    assert torch.get_num_threads() == 1
    use_threads(before)


async def _code_one(coder: FakeCoder) -> threading.Thread:
    async with Inference(coder, max_waiting=1) as inference:
        await inference.predict("A note.", 1, "none")
        (worker,) = (thread for thread in threading.enumerate() if thread.name == "inference")
    return worker


def test_the_worker_has_ended_when_the_context_has() -> None:
    """A thread inside torch while the interpreter ends aborts the process."""
    assert not asyncio.run(_code_one(FakeCoder())).is_alive()


def test_who_goes_away_frees_a_place_at_once(coder: FakeCoder) -> None:
    """The next one may wait there, while the note at work is still at work."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=1, threads=1) as inference:
            coder.gate.clear()
            first = asyncio.create_task(inference.predict("first", 1, "none"))
            await entered(coder)
            gone = asyncio.create_task(inference.predict("gone", 1, "none"))
            await asyncio.sleep(0)
            assert (inference.waiting, inference.working) == (1, True)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            assert inference.waiting == 0
            second = asyncio.create_task(inference.predict("second", 1, "none"))
            await asyncio.sleep(0)
            coder.gate.set()
            await asyncio.gather(first, second)

    asyncio.run(scene())
    assert coder.texts == ["first", "second"]


def test_a_note_past_its_deadline_is_refused_and_frees_its_place(coder: FakeCoder) -> None:
    """The one at work ends in its own time; the one that waited is never coded."""

    async def scene() -> list[object]:
        async with Inference(coder, max_waiting=1, threads=1, deadline_seconds=0.5) as inference:
            coder.gate.clear()
            working = asyncio.create_task(inference.predict("working", 1, "none"))
            await entered(coder)
            waiting = asyncio.create_task(inference.predict("waiting", 1, "none"))
            answers = await asyncio.gather(working, waiting, return_exceptions=True)
            assert inference.waiting == 0
            coder.gate.set()
            return list(answers)

    working, waiting = asyncio.run(scene())
    assert isinstance(working, OutOfTime)
    assert isinstance(waiting, OutOfTime)
    assert "within the limit of 0.5 seconds (it was still being coded)" in str(working)
    assert "(1 ahead of it in the queue, about" in str(waiting)
    assert coder.texts == ["working"]


def test_a_note_that_cannot_be_in_time_is_refused_at_once(coder: FakeCoder) -> None:
    """By the mean time of earlier notes; with an empty queue it is always tried, or one slow note would block all."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=4, threads=1, deadline_seconds=30) as inference:
            inference._note_seconds.add(100)
            coder.gate.clear()
            alone = asyncio.create_task(inference.predict("alone", 1, "none"))
            await entered(coder)
            with pytest.raises(
                Overloaded, match="limit is 30 seconds for a note, and with 1 ahead of it .* about 200"
            ) as refused:
                await inference.predict("second", 1, "none")
            assert refused.value.retry_after_seconds == 170
            coder.gate.set()
            await alone

    asyncio.run(scene())
    assert coder.texts == ["alone"]


def test_a_timeout_of_the_coder_itself_is_not_the_deadline(coder: FakeCoder) -> None:
    """It is an error like any other."""
    coder.error = TimeoutError()

    async def scene() -> None:
        async with Inference(coder, max_waiting=1, threads=1, deadline_seconds=30) as inference:
            with pytest.raises(TimeoutError):
                await inference.predict("first", 1, "none")

    asyncio.run(scene())


def test_the_warm_up_has_no_deadline(coder: FakeCoder) -> None:
    """The first note may take longer than any other."""

    async def scene() -> None:
        async with Inference(coder, max_waiting=1, threads=1, deadline_seconds=0.1) as inference:
            coder.gate.clear()
            warming = asyncio.create_task(inference.warm_up())
            await entered(coder)
            with pytest.raises(OutOfTime):
                await inference.predict("first", 1, "none")
            assert not warming.done()
            coder.gate.set()
            await warming

    asyncio.run(scene())


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Explaining(FakeCoder):
    """Runs as many backward passes as it may, 1,000 at most, each of which takes a tenth of a second of the clock."""

    def __init__(self, clock: Clock, wait: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.passes: list[int] = []
        self._clock = clock
        self._wait = wait

    def predict(self, texts: Any, *options: Any, **named: Any) -> Any:
        budget = current_budget()
        if "attingrad" not in options or budget is None:
            return super().predict(texts, *options, **named)
        ran = 0
        while ran < min(1000, budget.left) and budget.may_go_on():
            self._wait()
            self._clock.now += 0.1
            ran += 1
        budget.spend(1000, ran)
        self.passes.append(ran)
        return super().predict(texts, *options, **named)


def test_attingrad_ends_when_the_caller_has_gone() -> None:
    """The next note does not wait for codes that nobody reads."""
    began, left = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        assert left.wait(20)

    coder = Explaining(Clock(), wait)

    async def scene() -> None:
        async with Inference(coder, max_waiting=4, threads=1) as inference:
            gone = asyncio.create_task(inference.predict("gone", 1, "attingrad"))
            assert await asyncio.to_thread(began.wait, 20)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            left.set()
            await inference.embed("next")

    asyncio.run(scene())
    assert coder.passes == [1]


@pytest.mark.parametrize("low_priority", [False, True])
def test_attingrad_ends_in_time_and_the_answer_says_so(monkeypatch: pytest.MonkeyPatch, low_priority: bool) -> None:
    """At half of the deadline; a job's note too, whose time begins with its work."""
    clock = Clock()
    monkeypatch.setattr("app.inference.work_item.perf_counter", clock)
    coder = Explaining(clock)
    coder.gate.clear()

    async def scene() -> CodedNote:
        async with Inference(coder, max_waiting=4, threads=1, deadline_seconds=40) as inference:
            before = asyncio.create_task(inference.predict("before", 1, "none"))
            await entered(coder)
            slow = asyncio.create_task(inference.predict("slow", 1, "attingrad", low_priority=low_priority))
            await asyncio.sleep(0)
            clock.now += 5  # in the queue
            coder.gate.set()
            await before
            return await slow

    note = asyncio.run(scene())
    [ran] = coder.passes
    assert ran == pytest.approx(200 if low_priority else 150, abs=1)
    assert note.warnings[-1] == f"attingrad ran for the first {ran} of 1000 codes: the others have attention"


def test_attingrad_has_a_limit_of_codes() -> None:
    """Of each answer anew."""
    coder = Explaining(Clock())

    async def scene() -> None:
        async with Inference(coder, max_waiting=4, threads=1, max_attingrad_codes=3) as inference:
            for _ in range(2):
                await inference.predict("note", 1, "attingrad")

    asyncio.run(scene())
    assert coder.passes == [3, 3]
