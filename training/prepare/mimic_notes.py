"""Reads the discharge summaries of MIMIC in little memory: texts go to an unnamed file, offsets stay in memory.

The gigabytes of notes are read once, in batches; an admission's text is joined when it is written.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from model.errors import UnwritableOutput
from model.progress import progress_bar
from training.prepare.dataset_directory import Record
from training.prepare.mimic_codes import Admission
from training.prepare.mimic_tables import NoteTable, whole_numbers
from training.prepare.string_csv import BATCH_ROWS

IS_ERROR = "ISERROR"
"""Column of NOTEEVENTS: 1 where a physician marked the note as an error (MIMIC-III documentation)."""
GATHERED = 8  # batches at most: their other notes stay in memory as long


class Summaries:
    """The discharge summaries of every admission: places in a file of texts."""

    def __init__(self, spill: int, rows: int, places: pl.DataFrame) -> None:
        """``places``: SUBJECT_ID, HADM_ID, offset, length and row of each summary, in the order of the joined text."""
        self.note_rows = rows
        self._spill = spill
        self._places: dict[Admission, list[tuple[int, int, int]]] = {}
        for subject, admission, *place in places.iter_rows():
            offset, length, row = place
            self._places.setdefault((subject, admission), []).append((offset, length, row))

    @property
    def admissions(self) -> list[Admission]:
        """(SUBJECT_ID, HADM_ID) of every admission with a summary, sorted."""
        return sorted(self._places)

    def text(self, admission: Admission) -> str:
        """The admission's summaries as they were written, joined by a space."""
        return " ".join(os.pread(self._spill, length, at).decode() for at, length, _ in self._places[admission])

    def source_rows(self, admission: Admission) -> tuple[int, ...]:
        """The source rows of the text, in order."""
        return tuple(row for _, _, row in self._places[admission])


@contextmanager
def read_summaries(notes: NoteTable, near: Path, record: Record) -> Iterator[Summaries]:
    """Read the notes once and keep the discharge summaries in an unnamed file beside ``near``.

    Raises:
        MalformedInput: the file cannot be read, or an identifier is not a number.
        UnwritableOutput: there is no place for the unnamed file.
    """
    folder = next(parent for parent in near.absolute().parents if parent.exists())
    try:
        # unnamed: a killed process leaves nothing; unbuffered: a full disk is reported at the write
        spill = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by the with statement below
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write in '{folder}' ({error.strerror}): choose another --out or fix its permissions"
        ) from error
    with spill:
        rows, places = _spill_batches(notes, spill.fileno(), record)
        yield Summaries(spill.fileno(), rows, places)


def _spill_batches(notes: NoteTable, spill: int, record: Record) -> tuple[int, pl.DataFrame]:
    rows = summaries = offset = errors = 0
    places: list[pl.DataFrame] = []
    with progress_bar("read notes", unit="row", scale=True) as bar:
        for found, read in _gathered(notes):
            kept = _kept(notes, found)
            places.append(_places(notes, kept, offset))
            offset += _append(spill, kept["TEXT"])
            errors += _marked_as_errors(kept)
            summaries += found.height
            bar.update(read - rows)
            rows = read
    kept_rows = sum(frame.height for frame in places)
    record.count(f"{notes.name} rows", rows)
    if notes.category:
        record.count(f"{notes.name} rows, {notes.category}", summaries)
    what = notes.category or notes.name
    record.count(f"{what} rows dropped: no SUBJECT_ID or HADM_ID, or empty text", summaries - kept_rows)
    if errors:
        record.count(f"{what} rows marked as an error (ISERROR 1), kept", errors)
        record.warnings.append(
            f"{errors:,} of the notes have ISERROR 1: a caregiver marked them as an error, and the published protocols "
            "keep them, so they are part of the texts; remove their rows to leave them out"
        )
    return rows, _in_order(places)


def _marked_as_errors(kept: pl.DataFrame) -> int:
    if IS_ERROR not in kept.columns:
        return 0
    return int(kept[IS_ERROR].str.strip_chars().is_in(["1", "1.0"]).sum())


def _gathered(notes: NoteTable) -> Iterator[tuple[pl.DataFrame, int]]:
    """Summaries of several batches together, to save overhead per batch, and the number of rows read so far."""
    waiting: list[pl.DataFrame] = []
    rows = 0
    for batch in notes.batches():
        waiting.append(_summaries(notes, batch, rows + 1))
        rows += batch.height
        if len(waiting) == GATHERED or sum(map(len, waiting)) >= BATCH_ROWS:
            yield pl.concat(waiting), rows
            waiting = []
    if waiting:
        yield pl.concat(waiting), rows


def _summaries(notes: NoteTable, batch: pl.DataFrame, first_row: int) -> pl.DataFrame:
    numbered = batch.with_row_index("data_row", offset=first_row)
    return numbered.filter(pl.col("CATEGORY").str.strip_chars() == notes.category) if notes.category else numbered


def _kept(notes: NoteTable, found: pl.DataFrame) -> pl.DataFrame:
    names = ["SUBJECT_ID", "HADM_ID", *filter(None, [notes.row_id])]
    numbers = [whole_numbers(notes.path, found[name], found["data_row"]) for name in names]
    known = found.with_columns(numbers).drop_nulls(["SUBJECT_ID", "HADM_ID"])
    return known.filter(pl.col("TEXT").str.contains(r"\S"))


def _places(notes: NoteTable, kept: pl.DataFrame, offset: int) -> pl.DataFrame:
    length = pl.col("TEXT").str.len_bytes().cast(pl.Int64)
    return kept.select(
        "SUBJECT_ID",
        "HADM_ID",
        (length.cum_sum() - length + offset).alias("offset"),
        length.alias("length"),
        pl.col(notes.row_id or "data_row").cast(pl.Int64).alias("row"),
        *(key.alias(f"key{number}") for number, key in enumerate(notes.order)),
    )


def _in_order(places: list[pl.DataFrame]) -> pl.DataFrame:
    names = ["SUBJECT_ID", "HADM_ID", "offset", "length", "row"]
    if not places:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.Int64))
    joined = pl.concat(places)
    keys = [name for name in joined.columns if name.startswith("key")]
    return joined.sort([*keys, "row"], maintain_order=True).select(names)


def _append(spill: int, texts: pl.Series) -> int:
    """Append the texts; returns the number of bytes."""
    content = _utf8(texts)
    written = 0
    try:
        while written < len(content):
            written += os.write(spill, content[written:])
    except OSError as error:
        raise UnwritableOutput(
            f"no room beside --out for the notes read so far ({error.strerror}): free some gigabytes or choose "
            "another --out"
        ) from error
    return written


def _utf8(texts: pl.Series) -> memoryview:
    """The bytes of all texts, one after the other, without a Python string for each."""
    array = texts.to_arrow().cast(pa.large_string())
    _, offsets, content = array.buffers()
    if content is None:
        return memoryview(b"")
    places = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(content)[places[0] : places[-1]]
