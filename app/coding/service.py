"""Coding a note: prediction, neighbours, one answer. The service and ``icd-coder code`` share it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from app.catalogue.code_tree import CodeTree
from app.coding.neighbour_evidence import votes_of, weigh
from app.coding.schemas import PredictAnswer, PredictRequest
from app.inference.worker import Coder, FindNeighbours, Inference
from app.neighbours.index import NeighbourIndex
from app.neighbours.schemas import NeighboursAnswer, NeighboursRequest
from app.neighbours.service import NeighbourSearch, NeighbourService, QueryNote
from app.settings import Settings
from app.wire import Tokens
from model.errors import InvalidOption
from model.prediction import TokenCount
from model.ranking.channels import NEAREST
from model.ranking.selection import CodeChoice
from model.text.note_text import check_note

NO_CODE_LEFT = "no code is left: minimum_probability, systems, include and exclude rule out every candidate"
Observe = Callable[[str, float], None]
"""Told each stage and its seconds."""


def unobserved(_stage: str, _seconds: float) -> None:
    """Nobody counts."""


@dataclass
class Stopwatch:
    """Milliseconds by stage."""

    observe: Observe = unobserved
    timings: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = perf_counter()
        yield
        self.timings[name] = _milliseconds(start)
        self.observe(name, perf_counter() - start)

    def finish(self) -> dict[str, float]:
        """All stages and the total."""
        return {**self.timings, "total": _milliseconds(self._start)}


@dataclass(frozen=True)
class CodingService:
    """Answers about one note at a time, from one bundle."""

    bundle_id: str
    inference: Inference
    neighbours: NeighbourService
    tree: CodeTree
    max_characters: int
    max_top_k: int
    observe: Observe = unobserved

    async def predict(self, request: PredictRequest, unhurried: bool = False) -> PredictAnswer:
        """Ranked codes with evidence, then the most similar stored notes.

        Args:
            unhurried: let every other note go first.

        Raises:
            InvalidNote, NoteTooLong, InvalidOption: the request cannot be answered.
            NoDatabase, UnknownNote, NoteTextNotStored: its note_id cannot be used.
            Overloaded, DatabaseUnavailable: not now.
        """
        self._check_limits(request.top_k, request.neighbours)
        choice = self._choice(request)
        watch = Stopwatch(self.observe)
        note = await self.neighbours.resolve(request)
        text = note.require_text()
        check_note(text, self.max_characters)
        search = self._search(note, request.neighbours)
        with watch.stage("inference"):
            voters = _votes(search)
            coded = await self.inference.predict(
                text, request.top_k, request.explain, voters, request.policy, choice, unhurried
            )
        with watch.stage("neighbours"):
            if search is None:
                found, warnings = await self.neighbours.find(coded.embedding, note, request.neighbours)
            else:
                found, warnings = self.neighbours.told(search.found, note, request.neighbours)
        weighed = weigh(coded.codes, found)
        return PredictAnswer(
            bundle_id=self.bundle_id,
            precision=coded.precision,
            codes=weighed.codes,
            neighbours=weighed.neighbours,
            tokens=token_counts(coded.tokens),
            warnings=[*coded.warnings, *([] if coded.codes else [NO_CODE_LEFT]), *warnings],
            timings_ms=watch.finish(),
        )

    def _choice(self, request: PredictRequest) -> CodeChoice:
        """Raises InvalidOption where a system or subtree is none of the bundle's."""
        allowed = self.tree.allowed(request.systems, request.include, request.exclude)
        return CodeChoice(allowed, request.minimum_probability)

    def _search(self, note: QueryNote, neighbours: int) -> NeighbourSearch | None:
        """For a ranker that listens to neighbours: as many as it was fitted with, and as are asked for."""
        if not self.inference.uses_neighbours:
            return None
        return self.neighbours.search(note, max(neighbours, *NEAREST))

    def voters(self, note: QueryNote, neighbours: int) -> FindNeighbours | None:
        """What finds the neighbours that a ranker hears, by the rules on patients; None where it hears none."""
        return _votes(self._search(note, neighbours))

    async def similar(self, request: NeighboursRequest) -> NeighboursAnswer:
        """The most similar stored notes alone; a stored note needs no text, its embedding is there.

        Raises:
            As :meth:`predict`.
        """
        self._check_limits(1, request.neighbours)
        watch = Stopwatch(self.observe)
        note = await self.neighbours.resolve(request)
        tokens, vector = None, note.vector
        if vector is None:
            text = note.require_text()
            check_note(text, self.max_characters)
            with watch.stage("inference"):
                # Not embed(): only a prediction tells how much of the note was read.
                coded = await self.inference.predict(text, top_k=1, explain="none")
            tokens, vector = token_counts(coded.tokens), coded.embedding
        with watch.stage("neighbours"):
            found, warnings = await self.neighbours.find(vector, note, request.neighbours)
        return NeighboursAnswer(
            bundle_id=self.bundle_id,
            neighbours=found,
            tokens=tokens,
            warnings=warnings,
            timings_ms=watch.finish(),
        )

    def _check_limits(self, top_k: int, neighbours: int) -> None:
        if top_k > self.max_top_k:
            raise InvalidOption(f"top_k is {top_k}, the limit is {self.max_top_k}: ask for fewer")
        self.neighbours.check_limit(neighbours)


def build_service(
    settings: Settings,
    coder: Coder,
    inference: Inference,
    index: NeighbourIndex | None,
    observe: Observe = unobserved,
) -> CodingService:
    """The coding service with the limits of the settings."""
    return CodingService(
        coder.bundle_id,
        inference,
        NeighbourService(index, settings.max_neighbours),
        CodeTree(coder.codes),
        settings.max_characters,
        settings.max_top_k,
        observe,
    )


def _votes(search: NeighbourSearch | None) -> FindNeighbours | None:
    return None if search is None else lambda vector: votes_of(search(vector))


def token_counts(count: TokenCount) -> Tokens:
    """As an answer gives them."""
    return Tokens(read=count.read, total=count.total, truncated=count.truncated)


def _milliseconds(start: float) -> float:
    return round((perf_counter() - start) * 1000, 3)
