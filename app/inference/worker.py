"""One worker thread that owns the coder and its tokenizer, behind a bounded queue.

The event loop never runs the model, so health probes are answered while a note is coded. There is one thread because
a fast tokenizer shared between threads truncates wrongly without an error, and because a second copy of the model
may not fit into memory. This is the only file of ``app`` that imports torch.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from app.errors import OutOfTime, Overloaded
from app.inference.attingrad_limit import ALL_CODES, explaining
from app.inference.bounded_queue import BoundedQueue, QueueClosed, QueueFull
from app.inference.work_item import MeanSeconds, Result, WorkItem
from model.code_vectors import CodeVectors
from model.icd import Code
from model.labels import LabelSpace
from model.prediction import CodedNote, NoteVectors
from model.processor_budget import processor_budget
from model.ranking.audit import AuditedNote
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.selection import CodeChoice
from model.ranking.thresholds import ThresholdPolicy
from model.threads import thread_count

FindNeighbours = Callable[[np.ndarray], Sequence[RankingNeighbour]]
"""Returns similar notes, nearest first, for the embedding of a note, a unit vector (D,)."""

WARM_UP_NOTE = "Discharge summary. No complaints on the day of discharge."

STOP_SECONDS = 5.0
"""How long a stop waits for the note that is being coded."""

STOPPING = "the service is stopping: send the note again later"


class Coder(Protocol):
    """The interface that the service uses; implemented by :class:`model.coder.Coder`."""

    @property
    def bundle_id(self) -> str: ...
    @property
    def embedding_id(self) -> str: ...
    @property
    def labels(self) -> LabelSpace: ...
    @property
    def codes(self) -> LabelSpace: ...
    @property
    def card(self) -> dict[str, Any]: ...
    @property
    def embedding_dim(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def code_vectors(self) -> CodeVectors | None: ...

    @property
    def uses_neighbours(self) -> bool: ...

    def predict(
        self,
        texts: Sequence[str],
        top_k: int = 20,
        explain: str = "attention",
        neighbours: Sequence[FindNeighbours | None] | None = None,
        policy: str | None = None,
        choice: CodeChoice | None = None,
    ) -> list[CodedNote]:
        """Code each text.

        Args:
            neighbours: for each text, finds similar notes for the ranker.
            policy: name of the threshold policy that selects codes.
            choice: which codes may be listed.
        """

    def threshold_policies(self, with_neighbours: bool) -> tuple[ThresholdPolicy, ...]:
        """The policies that can be requested, with or without a database of neighbours."""

    def audit(
        self,
        text: str,
        assigned: Collection[Code],
        explain: str = "attention",
        neighbours: FindNeighbours | None = None,
    ) -> AuditedNote:
        """Compare the assigned codes of a note with its ranking."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Document embeddings, unit rows (B, D) float32."""

    def vectors(self, texts: Sequence[str]) -> list[NoteVectors]:
        """The embedding of each text, and its predicted codes where the bundle writes notes as codes."""


def load_coder(bundle: Path, device: str = "cpu", precision: str = "auto", threads: int = 0) -> Coder:
    """Load a bundle onto a device in a precision, to run on ``threads`` threads.

    Args:
        threads: of torch; 0 for :func:`model.threads.thread_count`.

    Raises:
        InvalidOption: the device does not exist, or the bundle does not support the precision.
        What :func:`model.bundle.load_bundle` raises.
    """
    from model.bundle import load_bundle
    from model.network.device import require_device

    require_device(device)
    return load_bundle(bundle, device, precision, threads or thread_count())


def identify_bundle(bundle: Path) -> str:
    """Verify every file of a bundle and return its bundle_id.

    Raises:
        MissingInput, BundleDamaged: the folder is not a bundle, or a file of it is missing or damaged.
    """
    from model.bundle import identify_bundle as identify

    return identify(bundle)


class Inference:
    """Runs the coder in one worker thread.

    Use it as an async context manager, or call ``start`` and ``close``.
    """

    def __init__(
        self,
        coder: Coder,
        max_waiting: int,
        threads: int = 0,
        deadline_seconds: float | None = None,
        text_seconds: float | None = None,
        on_coded: Callable[[WorkItem[CodedNote], CodedNote], None] | None = None,
        max_attingrad_codes: int = ALL_CODES,
    ) -> None:
        """Create the thread without starting it.

        Args:
            coder: used by the worker thread only.
            max_waiting: capacity of the queue, without the note that is being coded.
            threads: threads of torch; 0 for :func:`model.threads.thread_count`.
            deadline_seconds: from a note's arrival to its answer; None for no limit.
            text_seconds: of the processor, for the text of one note, without the encoder; None for no limit.
            on_coded: called in the event loop for each coded note.
            max_attingrad_codes: codes of one answer that AttInGrad explains; the others have attention.
        """
        self._coder = coder
        self._threads = threads or thread_count()
        self._deadline = deadline_seconds
        self._text_seconds = text_seconds
        self._on_coded = on_coded
        self._max_attingrad_codes = max_attingrad_codes
        self._queue: BoundedQueue[WorkItem[Any]] = BoundedQueue(max_waiting)
        self._note_seconds = MeanSeconds()
        self._worker = threading.Thread(target=self._work, name="inference", daemon=True)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """As :meth:`close`, then wait up to ``STOP_SECONDS`` for the note that is being coded."""
        self.close()
        # An interpreter that ends while this thread is inside torch aborts ("terminate called").
        await asyncio.to_thread(self._worker.join, STOP_SECONDS)

    def start(self) -> None:
        """Start the worker thread."""
        self._worker.start()

    def close(self) -> None:
        """Refuse new notes and those in the queue; the note that is being coded is finished."""
        for item in self._queue.close():
            item.fail(Overloaded(STOPPING))

    @property
    def waiting(self) -> int:
        """Notes in the queue."""
        return len(self._queue)

    @property
    def working(self) -> bool:
        """Whether a note is being coded."""
        return self._queue.busy

    @property
    def uses_neighbours(self) -> bool:
        """Whether similar notes change the ranking."""
        return self._coder.uses_neighbours

    async def predict(
        self,
        text: str,
        top_k: int,
        explain: str,
        neighbours: FindNeighbours | None = None,
        policy: str | None = None,
        choice: CodeChoice | None = None,
        low_priority: bool = False,
        on_start: Callable[[], None] | None = None,
    ) -> CodedNote:
        """Code one note that :func:`model.text.note_text.check_note` accepts.

        A call that is cancelled while the note is in the queue removes it from there.

        Args:
            neighbours: called in the worker thread with the note's embedding.
            policy: name of the threshold policy; None for the global threshold.
            choice: which codes the answer may hold; None for every code.
            low_priority: wait until the queue is empty, without a deadline.
            on_start: called in the worker thread before the note is coded.

        Raises:
            NoteTooCostly: its text needs more of the processor than one note may have.
            InvalidOption: the bundle has no such policy.
            Overloaded: the queue is full or too long for the deadline, or the service is stopping.
            OutOfTime: the deadline has passed; a note that is being coded is finished without further AttInGrad, and
                its answer dropped.
            What ``neighbours`` raises.
        """

        def code() -> CodedNote:
            if on_start is not None:
                on_start()
            return self._coder.predict([text], top_k, explain, [neighbours], policy, choice)[0]

        item = explaining(self._limited(code), self._max_attingrad_codes, self._deadline, low_priority)
        note = await self._run(item, None if low_priority else self._deadline, low_priority)
        if self._on_coded is not None:
            self._on_coded(item, note)
        return note

    async def audit(
        self, text: str, assigned: Collection[Code], explain: str, neighbours: FindNeighbours | None
    ) -> AuditedNote:
        """Audit the assigned codes of one checked note, in the same queue as predictions.

        Raises:
            NoRanker, NoConformalSet, InvalidOption: the bundle does not support it.
            NoteTooCostly, Overloaded, OutOfTime: as :meth:`predict`.
        """
        call = self._limited(lambda: self._coder.audit(text, assigned, explain, neighbours))
        item = explaining(call, self._max_attingrad_codes, self._deadline)
        return await self._run(item, self._deadline)

    async def embed(self, text: str) -> np.ndarray:
        """The document embedding of one checked note, a unit vector (D,) float32.

        Raises:
            NoteTooCostly, Overloaded, OutOfTime: as :meth:`predict`.
        """
        return await self._run(WorkItem(self._limited(lambda: self._coder.embed([text])[0])), self._deadline)

    async def vectors(self, text: str) -> NoteVectors:
        """What one checked note without codes is stored by: its embedding, and its predicted codes.

        Raises:
            NoteTooCostly, Overloaded, OutOfTime: as :meth:`predict`.
        """
        return await self._run(WorkItem(self._limited(lambda: self._coder.vectors([text])[0])), self._deadline)

    async def warm_up(self) -> None:
        """Code a fixed sentence, so that the first patient does not wait for lazy initialisation."""
        item = WorkItem(lambda: self._coder.predict([WARM_UP_NOTE], 1, "attention", [None], None)[0])
        await self._run(item, None)

    def _limited(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """A call about one note, within its budget."""

        def limited() -> Result:
            with processor_budget(self._text_seconds):
                return call()

        return limited

    async def _run(self, item: WorkItem[Result], deadline: float | None, low_priority: bool = False) -> Result:
        """Put the item into the queue and wait for its result."""
        self._enqueue(item, deadline, low_priority)
        limit = asyncio.timeout(deadline)
        try:
            async with limit:
                return await asyncio.wrap_future(item.future)
        except TimeoutError:
            if not limit.expired():
                raise  # raised by the coder or the database, not by this limit
            raise self._out_of_time(item, deadline) from None
        finally:
            item.abandon()
            self._queue.remove(item)

    def _enqueue(self, item: WorkItem[Any], deadline: float | None, low_priority: bool) -> None:
        """Refuse the item at once if the queue is already too long for its deadline."""
        ahead = self.waiting + self.working
        needed = self._note_seconds.estimate(ahead + 1)
        if ahead and deadline is not None and needed > deadline:
            raise Overloaded(
                f"the limit is {deadline:g} seconds for a note, and with {ahead} ahead of it this one would "
                f"take about {math.ceil(needed)}: send it again later",
                math.ceil(needed - deadline),
            )
        try:
            self._queue.put(item, low_priority)
        except QueueClosed:
            raise Overloaded(STOPPING) from None
        except QueueFull:
            raise Overloaded(
                f"{self._queue.capacity} notes are waiting already: send the note again later",
                math.ceil(self._note_seconds.estimate(1)),
            ) from None

    def _out_of_time(self, item: WorkItem[Any], deadline: float | None) -> OutOfTime:
        ahead = self._queue.position(item)
        if ahead is None:
            reason, left = "it was still being coded", self._note_seconds.mean
        else:
            left = self._note_seconds.estimate(ahead + 1)
            reason = f"{ahead} ahead of it in the queue, about {math.ceil(left)} seconds more"
        return OutOfTime(
            f"the note was not coded within the limit of {deadline:g} seconds ({reason}): send it again later",
            math.ceil(left),
        )

    def _work(self) -> None:
        use_threads(self._threads)
        while (item := self._queue.take()) is not None:
            item.run()
            if item.work_seconds is not None:
                self._note_seconds.add(item.work_seconds)


def use_threads(count: int) -> None:
    """Set the number of threads that torch uses in the calling thread."""
    import torch

    torch.set_num_threads(count)
