"""Discharge summaries of MIMIC-III in little memory: texts go to an unnamed file, only their places stay.

The 3.7 GB of NOTEEVENTS pass once, a batch at a time; an admission's text is joined when it is written.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

from model.errors import UnwritableOutput
from model.progress import progress_bar
from training.prepare.csv_table import require_whole_rows
from training.prepare.dataset_directory import Record
from training.prepare.mimic3_codes import Admission
from training.prepare.mimic3_tables import table_batches, whole_numbers

CATEGORY = "Discharge summary"
PLACES = {
    "SUBJECT_ID": pl.Int64,
    "HADM_ID": pl.Int64,
    "addendum": pl.Boolean,
    "CHARTTIME": pl.String,
    "CHARTDATE": pl.String,
    "ROW_ID": pl.Int64,
    "offset": pl.Int64,
    "length": pl.Int64,
}


class Summaries:
    """The discharge summaries of every admission."""

    def __init__(self, spill: IO[bytes], rows: int, places: pl.DataFrame) -> None:
        self.note_rows = rows
        self._spill = spill
        # Report before Addendum, then CHARTTIME, CHARTDATE, ROW_ID: the order of Edin et al. 2024.
        ordered = places.sort(["addendum", "CHARTTIME", "CHARTDATE", "ROW_ID"], maintain_order=True)
        self._places: dict[Admission, list[tuple[int, int]]] = {}
        for subject, admission, offset, length in ordered.select(
            "SUBJECT_ID", "HADM_ID", "offset", "length"
        ).iter_rows():
            self._places.setdefault((subject, admission), []).append((offset, length))

    @property
    def admissions(self) -> list[Admission]:
        """(SUBJECT_ID, HADM_ID) of every admission with a summary, sorted."""
        return sorted(self._places)

    def text(self, admission: Admission) -> str:
        """The admission's summaries as they were written, joined by a space."""
        parts = []
        for offset, length in self._places[admission]:
            self._spill.seek(offset)
            parts.append(self._spill.read(length).decode())
        return " ".join(parts)


@contextmanager
def read_summaries(notes: Path, near: Path, record: Record) -> Iterator[Summaries]:
    """Read NOTEEVENTS once and keep its discharge summaries in an unnamed file beside ``near``.

    Raises:
        MalformedInput: the file cannot be read, or an identifier is no number.
        UnwritableOutput: there is no place for the unnamed file.
    """
    folder = next(parent for parent in near.absolute().parents if parent.exists())
    try:
        # no name: a kill leaves nothing behind
        spill = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the with statement below
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write in '{folder}' ({error.strerror}): choose another --out or mend its permissions"
        ) from error
    with spill:
        rows, places = _spill_batches(notes, spill, record)
        yield Summaries(spill, rows, places)


def _spill_batches(notes: Path, spill: IO[bytes], record: Record) -> tuple[int, pl.DataFrame]:
    rows = summaries = offset = 0
    places = [pl.DataFrame(schema=PLACES)]
    with progress_bar("read notes", unit="row", scale=True) as bar:
        for batch in table_batches(notes):
            wanted = batch["CATEGORY"].str.strip_chars() == CATEGORY
            if wanted.any():  # most batches hold other categories only
                found = batch.with_row_index("data_row", offset=rows + 1).filter(wanted)
                places.append(_write(_kept(notes, found), spill, offset))
                offset += int(places[-1]["length"].sum())
                summaries += found.height
            rows += batch.height
            bar.update(batch.height)
    joined = pl.concat(places)
    if joined.height < summaries:
        require_whole_rows(notes)  # an empty HADM_ID or TEXT may be a row that was cut short
    record.count("NOTEEVENTS rows", rows)
    record.count(f"NOTEEVENTS rows, {CATEGORY}", summaries)
    record.count(f"{CATEGORY} rows dropped: no SUBJECT_ID or HADM_ID, or empty text", summaries - joined.height)
    return rows, joined


def _kept(notes: Path, found: pl.DataFrame) -> pl.DataFrame:
    numbers = [whole_numbers(notes, found[name], found["data_row"]) for name in ("SUBJECT_ID", "HADM_ID", "ROW_ID")]
    known = found.with_columns(numbers).drop_nulls(["SUBJECT_ID", "HADM_ID"])
    return known.filter(pl.col("TEXT").str.strip_chars() != "")


def _write(kept: pl.DataFrame, spill: IO[bytes], offset: int) -> pl.DataFrame:
    try:
        for text in kept["TEXT"]:
            spill.write(text.encode())
    except OSError as error:
        raise UnwritableOutput(
            f"no room beside --out for the notes read so far ({error.strerror}): free about 1 GB or choose "
            "another --out"
        ) from error
    length = pl.col("length")
    return (
        kept.select(
            "SUBJECT_ID",
            "HADM_ID",
            (pl.col("DESCRIPTION").str.strip_chars().str.to_lowercase() != "report").alias("addendum"),
            pl.col("CHARTTIME").str.strip_chars(),
            pl.col("CHARTDATE").str.strip_chars(),
            "ROW_ID",
            pl.col("TEXT").str.len_bytes().cast(pl.Int64).alias("length"),
        )
        .with_columns((length.cum_sum() - length + offset).alias("offset"))
        .select(list(PLACES))
    )
