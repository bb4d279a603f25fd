"""Keeping what was suggested for a stored note: who asks for it sets ``ICD_CODER_RECORD_CODINGS``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, insert, select

from app.bundles.repository import record_bundle
from app.database.tables import Coding, Note, RankedCode
from app.errors import UnknownNote
from app.inference.worker import Coder


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

    coder: Coder

    def recording(self, note_id: str | None, codes: Sequence[Ranked]) -> Callable[[Connection], int] | None:
        """What keeps the codes of a request that named a stored note, to be run in the transaction of its access log
        row; None for a text alone, which is not kept.
        """
        if note_id is None:
            return None
        return lambda connection: record_coding(connection, note_id, self.coder, codes)


def record_coding(connection: Connection, note_id: str, coder: Coder, codes: Sequence[Ranked]) -> int:
    """Store a coding with its ranked codes in the caller's transaction; its row id.

    Raises:
        UnknownNote: the note was deleted meanwhile.
    """
    note = connection.scalar(select(Note.id).where(Note.note_id == note_id))
    if note is None:
        raise UnknownNote("no note is stored under this note_id: send the text")
    record_bundle(connection, coder)
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
