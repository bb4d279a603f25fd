"""One thread that owns the coder and its tokenizer, behind a bounded queue.

The event loop never runs the model, so health probes answer while a note is coded; a shared fast tokenizer
truncates wrongly without an error, and a second copy of the model would not fit. Only this file knows torch.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from app.errors import OutOfTime, Overloaded
from app.inference.bounded_queue import LineClosed, LineFull, WaitingLine
from app.inference.work_item import Answer, NoteJob, Pace
from model.icd import Code
from model.labels import LabelSpace
from model.prediction import CodedNote
from model.ranking.audit import AuditedNote
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.selection import CodeChoice
from model.ranking.thresholds import ThresholdPolicy
from model.threads import thread_count

FindNeighbours = Callable[[np.ndarray], Sequence[RankingNeighbour]]
"""Similar notes, nearest first, by the embedding of a note, a unit row (D,)."""

WARM_UP_NOTE = "Discharge summary. No complaints on the day of discharge."

STOP_SECONDS = 5.0
"""How long the end of the process waits for the note at work."""

STOPPING = "the service is stopping: send the note again later"


class Coder(Protocol):
    """What the service needs of a coder; :class:`model.coder.Coder` has it."""

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
        """Code each text; ``neighbours`` finds similar notes for the ranker, ``policy`` chooses the thresholds, and
        ``choice`` which codes are listed.
        """

    def threshold_policies(self, with_neighbours: bool) -> tuple[ThresholdPolicy, ...]:
        """Of the answers, with or without a database of neighbours."""

    def audit(
        self,
        text: str,
        assigned: Collection[Code],
        explain: str = "attention",
        neighbours: FindNeighbours | None = None,
    ) -> AuditedNote:
        """The assigned codes of a note beside its ranking."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows (B, D) float32."""


def load_coder(bundle: Path, device: str = "cpu", precision: str = "auto", threads: int = 0) -> Coder:
    """Open a bundle to answer in a precision, on ``threads`` threads; 0: see :func:`model.threads.thread_count`.

    Raises:
        InvalidOption: the device is not there, or the bundle cannot answer in this precision.
        What :func:`model.bundle.load_bundle` raises.
    """
    from model.bundle import load_bundle
    from model.network.device import require_device

    require_device(device)
    return load_bundle(bundle, device, precision, threads or thread_count())


def identify_bundle(bundle: Path) -> str:
    """The bundle_id of a folder of which every file was verified.

    Raises:
        MissingInput, BundleDamaged: it is no bundle, or not whole.
    """
    from model.bundle import identify_bundle as identify

    return identify(bundle)


class Inference:
    """The worker thread. Use it as an async context manager, or call ``start`` and ``close``."""

    def __init__(
        self,
        coder: Coder,
        max_waiting: int,
        threads: int = 0,
        deadline_seconds: float | None = None,
        counted: Callable[[NoteJob[CodedNote], CodedNote], None] | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            coder: used by the worker thread only.
            max_waiting: notes in the queue beside the one at work.
            threads: threads of torch; 0: :func:`model.threads.thread_count`.
            deadline_seconds: from a note's arrival to its answer; None for as long as it takes.
            counted: told each coded note, in the event loop.
        """
        self._coder = coder
        self._threads = threads or thread_count()
        self._deadline = deadline_seconds
        self._counted = counted
        self._line: WaitingLine[NoteJob[Any]] = WaitingLine(max_waiting)
        self._pace = Pace()
        self._worker = threading.Thread(target=self._work, name="inference", daemon=True)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """As :meth:`close`, and wait a little for the note at work."""
        self.close()
        # An interpreter that ends while this thread is inside torch aborts ("terminate called").
        await asyncio.to_thread(self._worker.join, STOP_SECONDS)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def close(self) -> None:
        """Refuse new notes and drop those that wait; the note at work ends in its own time."""
        for job in self._line.close():
            job.refuse(Overloaded(STOPPING))

    @property
    def waiting(self) -> int:
        """Notes in the queue."""
        return len(self._line)

    @property
    def working(self) -> bool:
        """Whether a note is being coded."""
        return self._line.busy

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
        unhurried: bool = False,
    ) -> CodedNote:
        """Code one checked note; when the caller goes away before its turn, the note is never coded.

        Args:
            neighbours: called in the worker thread with the note's embedding.
            policy: which thresholds select; None for the global one.
            choice: which codes the answer may hold; None for every code.
            unhurried: let every other note go first, and wait however long that takes.

        Raises:
            InvalidOption: the bundle has no such policy.
            Overloaded: the queue is full or too long for the deadline, or the service is stopping.
            OutOfTime: the deadline has passed; a note at work ends in its own time and its answer is dropped.
            What ``neighbours`` raises.
        """
        job = NoteJob(lambda: self._coder.predict([text], top_k, explain, [neighbours], policy, choice)[0])
        note = await self._done(job, None if unhurried else self._deadline, unhurried)
        if self._counted is not None:
            self._counted(job, note)
        return note

    async def audit(
        self, text: str, assigned: Collection[Code], explain: str, neighbours: FindNeighbours | None
    ) -> AuditedNote:
        """Audit one checked note, in its turn among those to be coded.

        Raises:
            NoRanker, NoConformalSet, InvalidOption: the bundle cannot.
            Overloaded, OutOfTime: as :meth:`predict`.
        """
        job = NoteJob(lambda: self._coder.audit(text, assigned, explain, neighbours))
        return await self._done(job, self._deadline)

    async def embed(self, text: str) -> np.ndarray:
        """The document embedding of one checked note, a unit row (D,) float32, in its turn.

        Raises:
            Overloaded, OutOfTime: as :meth:`predict`.
        """
        return await self._done(NoteJob(lambda: self._coder.embed([text])[0]), self._deadline)

    async def _done(self, job: NoteJob[Answer], deadline: float | None, unhurried: bool = False) -> Answer:
        """What the job gives, once the worker has come to it."""
        self._join(job, deadline, unhurried)
        return await self._finished(job, deadline)

    async def warm_up(self) -> None:
        """Code a fixed sentence, so that the first patient does not wait for lazy initialisation."""
        job = NoteJob(lambda: self._coder.predict([WARM_UP_NOTE], 1, "attention", [None], None)[0])
        await self._done(job, None)

    def _join(self, job: NoteJob[Any], deadline: float | None, unhurried: bool) -> None:
        """Wait in the line, unless it is known beforehand to take too long."""
        before = self.waiting + self.working
        needed = self._pace.seconds(before + 1)
        if before and deadline is not None and needed > deadline:
            raise Overloaded(
                f"a note gets {deadline:g} seconds, and with the {before} before it this one would take about "
                f"{math.ceil(needed)}: send it again later",
                math.ceil(needed - deadline),
            )
        try:
            self._line.join(job, unhurried)
        except LineClosed:
            raise Overloaded(STOPPING) from None
        except LineFull:
            raise Overloaded(
                f"{self._line.places} notes are waiting already: send the note again later",
                math.ceil(self._pace.seconds(1)),
            ) from None

    async def _finished(self, job: NoteJob[Answer], deadline: float | None) -> Answer:
        limit = asyncio.timeout(deadline)
        try:
            async with limit:
                return await asyncio.wrap_future(job.future)
        except TimeoutError:
            if not limit.expired():
                raise  # the coder's own, or the database's
            raise self._out_of_time(job, deadline) from None
        finally:
            job.future.cancel()
            self._line.leave(job)

    def _out_of_time(self, job: NoteJob[Any], deadline: float | None) -> OutOfTime:
        before = self._line.before(job)
        if before is None:
            why, left = "it was still being coded", self._pace.mean
        else:
            left = self._pace.seconds(before + 1)
            why = f"{before} notes were still before it, so it would have taken about {math.ceil(left)} seconds more"
        return OutOfTime(
            f"the note was not coded within the {deadline:g} seconds that a note gets ({why}): send it again later",
            math.ceil(left),
        )

    def _work(self) -> None:
        use_threads(self._threads)
        while (job := self._line.take()) is not None:
            job.run()
            if job.worked is not None:
                self._pace.count(job.worked)


def use_threads(count: int) -> None:
    """Let torch use this many threads in the calling thread."""
    import torch

    torch.set_num_threads(count)
