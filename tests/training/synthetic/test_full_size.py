"""Tables of the real shape."""

import csv
import gzip
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.errors import InvalidOption
from model.icd import ICD9CM, ICD9PCS
from training.synthetic.catalogue import catalogue
from training.synthetic.full_size import BLOCK, BlockTask, make_block, write_full_tables
from training.synthetic.tables import COLUMNS
from training.synthetic.tail_codes import CODES, Tail

ADMISSIONS, NOTES = BLOCK + 30, 9_001
csv.field_size_limit(1 << 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blocks, made one after the other, as plain files."""
    folder = tmp_path_factory.mktemp("full")
    write_full_tables(folder, ADMISSIONS, NOTES, 3, lambda count: None, plain=True, processes=1)
    return folder


def _rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_processes_and_packing_change_nothing(folder: Path, tmp_path: Path) -> None:
    """Two processes, gzipped: the same seven tables to the byte, and every admission is counted as it is written."""
    counts: list[int] = []
    write_full_tables(tmp_path, ADMISSIONS, NOTES, 3, counts.append, processes=2)
    assert counts == [BLOCK, 30]
    for table in COLUMNS:
        assert gzip.decompress((tmp_path / f"{table}.csv.gz").read_bytes()) == (folder / f"{table}.csv").read_bytes()


def test_the_number_of_notes_is_exact(folder: Path) -> None:
    """ROW_IDs run from 1 without a gap, out of order."""
    ids = [int(row["ROW_ID"]) for row in _rows(folder, "NOTEEVENTS")]
    assert sorted(ids) == list(range(1, NOTES + 1))
    assert ids != sorted(ids)


def test_every_admission_has_a_summary_and_codes(folder: Path) -> None:
    """As the admissions of the published splits have; about one row in eight is an addendum."""
    stays = {row["HADM_ID"] for row in _rows(folder, "ADMISSIONS")}
    summaries = [
        row for row in _rows(folder, "NOTEEVENTS") if row["CATEGORY"] == "Discharge summary" and row["HADM_ID"]
    ]
    assert len(stays) == ADMISSIONS
    assert {row["HADM_ID"] for row in summaries if row["DESCRIPTION"] == "Report"} == stays
    assert {row["HADM_ID"] for row in _rows(folder, "DIAGNOSES_ICD") if row["ICD9_CODE"]} == stays
    assert 1.05 < len(summaries) / len(stays) < 1.25
    words = sorted(len(row["TEXT"].split()) for row in summaries if row["DESCRIPTION"] == "Report")
    assert 1_000 < words[len(words) // 2] < 1_800


def test_the_other_notes_have_the_real_shape(folder: Path) -> None:
    """Categories in MIMIC-III's shares, a tenth without admission, 1.7 kB each, each within MIMIC-III's people."""
    notes = [row for row in _rows(folder, "NOTEEVENTS") if row["CATEGORY"] != "Discharge summary"]
    shares = {name: count / len(notes) for name, count in Counter(row["CATEGORY"] for row in notes).items()}
    assert shares["Nursing/other"] == pytest.approx(0.41, abs=0.03)
    assert shares["Radiology"] == pytest.approx(0.26, abs=0.03)
    assert sum(row["HADM_ID"] == "" for row in notes) / len(notes) == pytest.approx(0.11, abs=0.02)
    assert sum(len(row["TEXT"]) for row in notes) / len(notes) == pytest.approx(1_650, rel=0.15)
    subjects = {row["HADM_ID"]: row["SUBJECT_ID"] for row in _rows(folder, "ADMISSIONS")}
    assert all(subjects[row["HADM_ID"]] == row["SUBJECT_ID"] for row in notes if row["HADM_ID"])
    assert not any("<" in row["TEXT"] or "{" in row["TEXT"] for row in notes)


def test_people_of_two_blocks_are_different(folder: Path) -> None:
    """No SUBJECT_ID and no HADM_ID twice."""
    subjects = [row["SUBJECT_ID"] for row in _rows(folder, "PATIENTS")]
    assert len(set(subjects)) == len(subjects)
    for table in ("ADMISSIONS", "DIAGNOSES_ICD", "PROCEDURES_ICD"):
        ids = [int(row["ROW_ID"]) for row in _rows(folder, table)]
        assert ids == list(range(1, len(ids) + 1))


def test_codes_are_in_order_of_priority(folder: Path) -> None:
    """SEQ_NUM counts from 1 within an admission and a table, through the codes of the tail."""
    for table in ("DIAGNOSES_ICD", "PROCEDURES_ICD"):
        numbers: dict[str, list[int]] = {}
        for row in _rows(folder, table):
            numbers.setdefault(row["HADM_ID"], []).append(int(row["SEQ_NUM"]))
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_the_tail_has_the_rest_of_the_label_space() -> None:
    """Codes that the lexicon lacks, some with a leading zero, up to MIMIC-III's number of each system."""
    tail = Tail(tuple(catalogue().by_code))
    for system in (ICD9CM, ICD9PCS):
        lexicon = {code.code for code in catalogue().by_code if code.system == system}
        codes, cumulative = tail.of(system)
        assert len(set(codes)) == len(codes) == len(cumulative) == CODES[system] - len(lexicon)
        assert not lexicon & set(codes)
        assert any(code.startswith("0") for code in codes)


def test_another_seed_has_other_notes() -> None:
    """In the same number."""
    first, second = (make_block(BlockTask(seed, 0, 3, 1, 60, True)) for seed in (1, 2))
    assert first.notes != second.notes
    assert first.notes == make_block(BlockTask(1, 0, 3, 1, 60, True)).notes


@pytest.mark.skipif(os.cpu_count() == 1 or not Path("/proc").exists(), reason="needs two processors and Linux's /proc")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_stopped_in_the_middle(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    """Killed, or with Ctrl-C: no process stays behind, no output is taken for a whole one."""
    arguments = [
        "synth",
        "mimic3",
        "--admissions",
        "20000",
        "--noteevents",
        "800000",
        "--out",
        str(tmp_path / "mimic3"),
    ]
    command = [sys.executable, "-c", f"{RESTORED}; import icd_coder; icd_coder.main()", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    workers = _wait_for(lambda: _children(process.pid, 3))  # two at work, and multiprocessing's resource tracker
    process.send_signal(sign)
    assert process.wait(60) == code
    _wait_for(lambda: not any(_runs(worker) for worker in workers))
    assert not (tmp_path / "mimic3").exists()


RESTORED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background job has it ignored


def _wait_for(answer: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := answer():
            return found
        time.sleep(0.1)
    raise AssertionError("waited a minute in vain")


def _children(pid: int, least: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found] if len(found) >= least else []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_too_few_notes_are_refused(tmp_path: Path) -> None:
    """Before anything is written; the flag, its value and the least are named."""
    with pytest.raises(InvalidOption, match=r"--noteevents is 79: 10 admissions need 80"):
        write_full_tables(tmp_path, 10, 79, 1, lambda count: None)
    assert not list(tmp_path.iterdir())
