"""One thread codes; the queue is bounded; whoever goes away is not coded."""

import ast
import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import app
from app.errors import Overloaded
from app.inference import Inference, available_cores, use_threads
from tests.app.fakes import FakeCoder


async def entered(coder: FakeCoder) -> None:
    """Wait, off the event loop, until the worker is in the coder."""
    assert await asyncio.to_thread(coder.entered.acquire, timeout=10)


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
        & {"torch", "transformers", "model.bundle", "model.coder", "model.network"}
    }
    assert importers == {"inference.py"}


def test_the_threads_of_torch_are_set() -> None:
    """To the cores that this process may use."""
    import torch

    before = torch.get_num_threads()
    use_threads(1)
    assert torch.get_num_threads() == 1
    use_threads(before)
    assert 1 <= available_cores() <= 4096


async def _code_one(coder: FakeCoder) -> threading.Thread:
    async with Inference(coder, max_waiting=1) as inference:
        await inference.predict("A note.", 1, "none")
        (worker,) = (thread for thread in threading.enumerate() if thread.name == "inference")
    return worker


def test_the_worker_has_ended_when_the_context_has() -> None:
    """A thread inside torch while the interpreter ends aborts the process."""
    assert not asyncio.run(_code_one(FakeCoder())).is_alive()
