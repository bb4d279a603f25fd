"""Store the suggested codes of stored notes; on with the setting ``ICD_CODER_RECORD_CODINGS``."""

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
    """The fields of a suggested code that are stored."""

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
    """Stores the suggestions of one coder; if that fails, the request fails too."""

    coder: Coder

    def recording(self, note_id: str | None, codes: Sequence[Ranked]) -> Callable[[Connection], int] | None:
        """A function that stores the codes in the transaction of the access log row.

        None for a request with a text, which is not stored.
        """
        if note_id is None:
            return None
        return lambda connection: record_coding(connection, note_id, self.coder, codes)


def record_coding(connection: Connection, note_id: str, coder: Coder, codes: Sequence[Ranked]) -> int:
    """Store a coding with its ranked codes in the caller's transaction; its row id.

    Raises:
        UnknownNote: the note was deleted during the request.
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
