"""Keeping what was suggested for a stored note: who asks for it sets ``ICD_CODER_RECORD_CODINGS``."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, insert, select

from app.db import database_errors, writing
from app.errors import UnknownNote
from app.inference import Coder
from app.tables import Bundle, Coding, Note, RankedCode


class Ranked(Protocol):
    """What is kept of a suggested code."""

    @property
    def rank(self) -> int: ...
    @property
    def system(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def selected(self) -> bool: ...


@dataclass(frozen=True)
class Recorder:
    """Records the answers of one coder; an answer that cannot be recorded is not given."""

    engine: Engine
    coder: Coder

    async def record(self, note_id: str | None, codes: Sequence[Ranked]) -> None:
        """Keep the codes of a request that named a stored note; a text alone is not kept.

        Raises:
            UnknownNote, DatabaseUnavailable: see :func:`record_coding`.
        """
        if note_id is not None:
            await asyncio.to_thread(record_coding, self.engine, note_id, self.coder, codes)


def record_coding(engine: Engine, note_id: str, coder: Coder, codes: Sequence[Ranked]) -> int:
    """Store a coding with its ranked codes in one transaction; its row id.

    Raises:
        UnknownNote: the note was deleted meanwhile.
        DatabaseUnavailable: the database cannot be written.
    """
    with database_errors(engine.url), writing(engine).begin() as connection:
        note = connection.scalar(select(Note.id).where(Note.note_id == note_id))
        if note is None:
            raise UnknownNote("no note is stored under this note_id: send the text")
        _register(connection, coder)
        values = {"note_id": note, "bundle_id": coder.bundle_id, "created_at": datetime.now(UTC)}
        coding: int = connection.execute(insert(Coding).values(values).returning(Coding.id)).scalar_one()
        rows = [
            {
                "coding_id": coding,
                "rank": code.rank,
                "system": code.system,
                "code": code.code,
                "probability": code.probability,
                "selected": code.selected,
            }
            for code in codes
        ]
        if rows:
            connection.execute(insert(RankedCode), rows)
    return coding


def _register(connection: Connection, coder: Coder) -> None:
    """A recalibrated bundle answers from embeddings that another has indexed."""
    if connection.scalar(select(Bundle.bundle_id).where(Bundle.bundle_id == coder.bundle_id)) is None:
        connection.execute(
            insert(Bundle).values(
                bundle_id=coder.bundle_id,
                embedding_id=coder.embedding_id,
                dimension=coder.embedding_dim,
                created_at=datetime.now(UTC),
            )
        )
