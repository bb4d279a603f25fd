"""One thread that owns the coder and its tokenizer, behind a bounded queue.

The event loop never runs the model, so health probes answer while a note is coded; a shared fast tokenizer
truncates wrongly without an error, and a second copy of the model would not fit. Only this file knows torch.
"""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from app.errors import Overloaded
from model.code_choice import CodeChoice
from model.errors import InvalidOption
from model.icd import Code
from model.labels import LabelSpace
from model.prediction import CodedNote
from model.ranking.audit import AuditedNote
from model.ranking.neighbour_vote import VotingNeighbour
from model.thresholds import ThresholdPolicy

FindNeighbours = Callable[[np.ndarray], Sequence[VotingNeighbour]]
"""Similar notes, nearest first, by the embedding of a note, a unit row (D,)."""

Answer = TypeVar("Answer")

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
    """Open a bundle to answer in a precision, on ``threads`` threads; 0 for the cores of this process.

    Raises:
        InvalidOption: the device is not there, or the bundle cannot answer in this precision.
        What :func:`model.bundle.load_bundle` raises.
    """
    from model.bundle import load_bundle

    _require_device(device)
    return load_bundle(bundle, device, precision, threads or available_cores())


def _require_device(device: str) -> None:
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or not (number or "0").isdecimal():
        raise InvalidOption(f"the device '{device}' is not known: use --device cpu or --device cuda")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InvalidOption(
            f"the device '{device}' is not there ({torch.cuda.device_count()} GPUs seen): use --device cpu, "
            "or install torch with CUDA"
        )


class Inference:
    """The worker thread. Use it as an async context manager, or call ``start`` and ``close``."""

    def __init__(self, coder: Coder, max_waiting: int, threads: int = 0) -> None:
        """Nothing runs yet.

        Args:
            coder: used by the worker thread only.
            max_waiting: notes in the queue beside the one at work.
            threads: threads of torch; 0 for the cores of this process.
        """
        self._coder = coder
        self._threads = threads or available_cores()
        self._jobs: queue.Queue[_Job[Any] | None] = queue.Queue(maxsize=max_waiting)
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._work, name="inference", daemon=True)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        # An interpreter that ends while this thread is inside torch aborts ("terminate called").
        await asyncio.to_thread(self._worker.join, STOP_SECONDS)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def close(self) -> None:
        """Refuse new notes and drop those that wait; the note at work ends in its own time."""
        self._stopping.set()
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.refuse()
        self._jobs.put(None)

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
    ) -> CodedNote:
        """Code one checked note; when the caller goes away before its turn, the note is never coded.

        Args:
            neighbours: called in the worker thread with the note's embedding.
            policy: which thresholds select; None for the global one.
            choice: which codes the answer may hold; None for every code.

        Raises:
            InvalidOption: the bundle has no such policy.
            Overloaded: the queue is full, or the service is stopping.
            What ``neighbours`` raises.
        """
        return await self._done(
            lambda: self._coder.predict([text], top_k, explain, [neighbours], policy, choice)[0],
        )

    async def audit(
        self, text: str, assigned: Collection[Code], explain: str, neighbours: FindNeighbours | None
    ) -> AuditedNote:
        """Audit one checked note, in its turn among those to be coded.

        Raises:
            NoRanker, InvalidOption: the bundle cannot.
            Overloaded: as :meth:`predict`.
        """
        return await self._done(lambda: self._coder.audit(text, assigned, explain, neighbours))

    async def embed(self, text: str) -> np.ndarray:
        """The document embedding of one checked note, a unit row (D,) float32, in its turn.

        Raises:
            Overloaded: as :meth:`predict`.
        """
        return await self._done(lambda: self._coder.embed([text])[0])

    async def _done(self, call: Callable[[], Answer]) -> Answer:
        """What the call gives, run by the worker."""
        job = _Job(call)
        if self._stopping.is_set():
            raise Overloaded(STOPPING)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Overloaded(f"{self._jobs.maxsize} notes are waiting already: send the note again later") from None
        return await asyncio.wrap_future(job.future)

    async def warm_up(self) -> None:
        """Code a fixed sentence, so that the first patient does not wait for lazy initialisation."""
        await self.predict(WARM_UP_NOTE, top_k=1, explain="attention")

    def _work(self) -> None:
        use_threads(self._threads)
        while (job := self._jobs.get()) is not None:
            job.run()


def use_threads(count: int) -> None:
    """Let torch use this many threads in the calling thread."""
    import torch

    torch.set_num_threads(count)


def available_cores() -> int:
    """Cores that this process may use, which can be fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Job(Generic[Answer]):
    """A call whose result, or error, goes to its future."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self.future: Future[Answer] = Future()
        self._call = call

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who awaits it
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def refuse(self) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(Overloaded(STOPPING))
