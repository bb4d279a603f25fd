"""Tables of the size and shape of MIMIC-III, written by all processors in blocks of admissions.

Every block has its own seeds, so its content depends on its number alone, and blocks are written in order: the
bytes are the same for any number of processes. Memory holds a few blocks.
"""

import gzip
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from multiprocessing import get_context, parent_process
from pathlib import Path
from random import Random
from threading import Thread

from model.errors import InvalidOption
from model.icd import ICD9CM, ICD9PCS
from model.threads import available_cores
from training.synthetic.bulk_notes import BulkNotes
from training.synthetic.catalogue import catalogue
from training.synthetic.csv_file import csv_bytes, csv_file
from training.synthetic.draws import Draws
from training.synthetic.note import REAL_SHAPE
from training.synthetic.patient_rows import Row, patient_rows, undotted
from training.synthetic.patients import Patient, patients
from training.synthetic.tables import COLUMNS, write_titles
from training.synthetic.tail_codes import Tail

BLOCK = 200  # admissions; about 14 MB of notes
NOTES_PER_ADMISSION = 8  # at least: an admission has at most 3 summary rows, 3 other notes and its share of strays
CODE_TABLES = {"DIAGNOSES_ICD": ICD9CM, "PROCEDURES_ICD": ICD9PCS}
PACKING = 1  # level of gzip: 3.7 GB in two minutes rather than ten


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Which admissions a block holds and which ROW_IDs its notes have."""

    seed: int
    first: int
    admissions: int
    first_note: int
    notes: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Block:
    """NOTEEVENTS as bytes, a gzip member unless plain; the rows of the other tables without ROW_ID."""

    admissions: int
    notes: bytes
    rows: dict[str, list[Row]] = field(default_factory=dict)


def write_full_tables(
    folder: Path,
    admissions: int,
    noteevents: int,
    seed: int,
    advance: Callable[[int], object],
    plain: bool = False,
    processes: int | None = None,
) -> None:
    """Write the seven tables with exactly ``noteevents`` rows of NOTEEVENTS; every admission has a summary and codes.

    Args:
        advance: called with the number of admissions just written.
        plain: .csv instead of .csv.gz.
        processes: all processors when None; it does not change the output.

    Raises:
        InvalidOption: fewer notes than the admissions need.
    """
    require_notes(admissions, noteevents)
    tasks = _tasks(admissions, noteevents, seed, plain)
    others = {name: columns for name, columns in COLUMNS.items() if name != "NOTEEVENTS"}
    with ExitStack() as stack:
        tables = {name: stack.enter_context(csv_file(folder, name, columns, plain)) for name, columns in others.items()}
        write_titles(tables)
        numbers = {name: count(1) for name in others}
        notes = stack.enter_context((folder / f"NOTEEVENTS.csv{'' if plain else '.gz'}").open("wb"))
        notes.write(_packed(csv_bytes([COLUMNS["NOTEEVENTS"]]), plain))
        for block in _blocks(tasks, processes or available_cores()):
            notes.write(block.notes)
            for name, rows in block.rows.items():
                for row in rows:
                    tables[name].writerow((next(numbers[name]), *row))
            advance(block.admissions)


def require_notes(admissions: int, noteevents: int) -> None:
    """Raise InvalidOption when ``noteevents`` is too small for the notes that the admissions have themselves."""
    if noteevents < NOTES_PER_ADMISSION * admissions:
        raise InvalidOption(
            f"--noteevents is {noteevents}: {admissions} admissions need {NOTES_PER_ADMISSION * admissions} or more "
            "(MIMIC-III has 40 an admission); leave it out for a small corpus"
        )


def make_block(task: BlockTask) -> Block:
    """Everything of one block, in memory."""
    draws, bulk, tail = _sources(task.seed)
    rng = Random(f"{task.seed}:bulk:{task.first}")
    rows: dict[str, list[Row]] = {name: [] for name in ("PATIENTS", "ADMISSIONS", *CODE_TABLES)}
    notes: list[Row] = []
    people = [_with_everything(person) for person in patients(catalogue(), task.admissions, task.seed, task.first)]
    for person in people:
        used: Counter[tuple[str, object]] = Counter()
        for table, row in patient_rows(draws, person, task.seed, REAL_SHAPE):
            if table == "NOTEEVENTS":
                notes.append(row)
                continue
            rows[table].append(row)
            used[table, row[1]] += 1
        for table, row in _tail_rows(person, tail, used, rng):
            rows[table].append(row)
    stays = [(person.subject_id, admission) for person in people for admission in person.admissions]
    while len(notes) < task.notes:
        subject_id, admission = stays[int(rng.random() * len(stays))]
        notes.append(bulk.row(subject_id, admission, rng))
    numbered = [(task.first_note + place, *note) for place, note in enumerate(notes)]
    rng.shuffle(numbered)
    return Block(task.admissions, _packed(csv_bytes(numbered), task.plain), rows)


def _tasks(admissions: int, noteevents: int, seed: int, plain: bool) -> list[BlockTask]:
    tasks = []
    for first in range(0, admissions, BLOCK):
        stop = min(first + BLOCK, admissions)
        before, after = noteevents * first // admissions, noteevents * stop // admissions
        tasks.append(BlockTask(seed, first, stop - first, before + 1, after - before, plain))
    return tasks


def _blocks(tasks: list[BlockTask], processes: int) -> Iterator[Block]:
    """The blocks in order; at most two for each process are made and not yet written."""
    if processes == 1 or len(tasks) == 1:
        yield from map(make_block, tasks)
        return
    pool = ProcessPoolExecutor(min(processes, len(tasks)), get_context("spawn"), initializer=_follow_parent)
    try:
        ahead: deque[Future[Block]] = deque()
        for task in tasks:
            ahead.append(pool.submit(make_block, task))
            if len(ahead) >= 2 * processes:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave Ctrl-C to the main process, and end when the main process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _sources(seed: int) -> tuple[Draws, BulkNotes, Tail]:
    """Sources of random content that all blocks of a process share."""
    return Draws(catalogue()), BulkNotes(seed), Tail(tuple(catalogue().by_code))


def _with_everything(patient: Patient) -> Patient:
    """The patient with a summary and codes in every admission, as in MIMIC-III's splits."""
    stays = [replace(admission, coded=True, has_summary=True) for admission in patient.admissions]
    return replace(patient, admissions=stays)


def _tail_rows(
    patient: Patient, tail: Tail, used: Counter[tuple[str, object]], rng: Random
) -> Iterator[tuple[str, Row]]:
    """Codes of the tail behind the admission's own."""
    for admission in patient.admissions:
        for table, system in CODE_TABLES.items():
            first = used[table, admission.hadm_id] + 1
            for number, code in enumerate(tail.draw(system, rng), first):
                yield table, (patient.subject_id, admission.hadm_id, number, undotted(code))


def _packed(content: bytes, plain: bool) -> bytes:
    """The bytes themselves, or a gzip member: members one after the other are a gzip file."""
    return content if plain else gzip.compress(content, PACKING, mtime=0)
