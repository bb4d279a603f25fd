"""MIMIC-III tables of the real shape with meaningless text, made in about a minute: only for benchmarks.

NOTEEVENTS has one discharge summary for about every 35 rows, of some 10,000 characters, with commas, line
breaks and doubled quotes; the other notes have some 1,500. Words are drawn from a random vocabulary and every
note is another cut of a long random text, so that gzip and zstd find about as much to do as in prose.
"""

import gzip
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from training.prepare.icd_titles import icd9_titles

FULL_ROWS, FULL_ADMISSIONS = 2_083_180, 52_722
SUMMARIES_PER_ROW = 59_652 / FULL_ROWS
NOTES_HEADER = b"ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT\n"
CODES_HEADER = "ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n"
POOL = 64 << 20
"""Characters of the random text that notes are cut from."""
CODES_A_DOCUMENT = {"icd9cm": 12, "icd9pcs": 4}


def write_mock_mimic3(folder: Path, rows: int, compressed: bool) -> None:
    """Write NOTEEVENTS with so many rows, and code tables in proportion; .csv.gz when ``compressed``."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    admissions = max(20, FULL_ADMISSIONS * rows // FULL_ROWS)
    with _create(folder / "NOTEEVENTS.csv", compressed) as file:
        _write_notes(file, rows, admissions, generator)
    for name, system in (("DIAGNOSES_ICD", "icd9cm"), ("PROCEDURES_ICD", "icd9pcs")):
        with _create(folder / f"{name}.csv", compressed) as file:
            file.write(_codes(system, admissions, generator).encode())


def _create(path: Path, compressed: bool) -> BinaryIO:
    if compressed:
        return cast(BinaryIO, gzip.open(path.with_suffix(".csv.gz"), "wb", compresslevel=5))
    return path.open("wb")


def _pool(generator: np.random.Generator) -> bytes:
    letters = generator.integers(97, 123, size=(30_000, 12), dtype=np.uint8)
    lengths = np.clip(generator.poisson(5, size=30_000), 1, 12)
    ends = np.array([" ", " ", " ", " ", " ", " ", ", ", ".\n", ' ""', "\n"], dtype=object)
    words = [letters[i, :n].tobytes().decode() for i, n in enumerate(lengths)]
    picks = np.minimum(generator.zipf(1.3, size=POOL // 7) - 1, 29_999)
    marks = ends[generator.integers(0, len(ends), size=len(picks))]
    return "".join(words[pick] + mark for pick, mark in zip(picks, marks, strict=True)).encode()


def _write_notes(file: BinaryIO, rows: int, admissions: int, generator: np.random.Generator) -> None:
    pool = _pool(generator)
    summary = generator.random(rows) < SUMMARIES_PER_ROW
    lengths = np.where(summary, generator.gamma(4, 2_500, rows), generator.gamma(2, 750, rows)).astype(int) + 40
    starts = generator.integers(0, len(pool) - lengths.max(), size=rows)
    owners = generator.integers(0, admissions, size=rows)
    owners[np.flatnonzero(summary)[:admissions]] = np.arange(min(admissions, summary.sum()))
    file.write(NOTES_HEADER)
    for number in range(rows):
        text = pool[starts[number] : starts[number] + lengths[number]].strip(b'"').replace(b'""', b'"')
        kind = b"Discharge summary,Report" if summary[number] else b"Nursing/other,Report"
        owner = int(owners[number])
        file.write(
            b'%d,%d,%d,2150-01-02,2150-01-02 10:00:00,2150-01-02 11:00:00,%s,12345,,"'
            % (
                number + 1,
                owner // 5 * 4 + 1,
                100_000 + owner,
                kind,
            )
        )
        file.write(text.replace(b'"', b'""'))
        file.write(b'"\n')


def _codes(system: str, admissions: int, generator: np.random.Generator) -> str:
    known = [code.code.replace(".", "") for code in icd9_titles() if code.system == system]
    lines = [CODES_HEADER]
    sizes = np.maximum(1, generator.poisson(CODES_A_DOCUMENT[system], size=admissions))
    picks = iter((generator.pareto(0.9, size=int(sizes.sum())) * 20).astype(np.int64) % len(known))
    order = generator.permutation(len(known))
    for owner, size in enumerate(sizes):
        for place in range(1, int(size) + 1):
            lines.append(f"{len(lines)},{owner // 5 * 4 + 1},{100_000 + owner},{place},{known[order[next(picks)]]}\n")
    return "".join(lines)
