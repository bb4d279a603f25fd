"""A run that is killed, or finds no room, leaves nothing that looks whole, and the next run starts cleanly."""

import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from model.dataset import load_dataset
from tests.training.prepare.mimic_mini import note, write_mimic

ROOT = Path(__file__).parents[3]
ADMISSIONS = 15_000
COMMAND = "from icd_coder import main; main()"
NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes})); " + COMMAND


def write_admissions(folder: Path, admissions: int, text: str) -> Path:
    """Invented admissions of one note and three codes."""
    ids = [str(number) for number in range(1, admissions + 1)]
    notes = [note(int(one), one, one, f"{text} {one}.") for one in ids]
    codes = [[one, one, one, str(place), f"{400 + int(one) * place % 500}"] for one in ids for place in (1, 2, 3)]
    return write_mimic(folder, notes=notes, diagnoses=codes, procedures=[], compressed=False)


def arguments(source: Path, out: Path) -> list[str]:
    return ["prepare", "mimic3", "--source", str(source), "--out", str(out)]


def start(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments(source, out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def bytes_written(folder: Path) -> int:
    """Of all that lies beside the tables; files may come and go meanwhile."""
    sizes = 0
    for place, _, names in os.walk(folder):  # which passes over a folder that is gone
        for name in names if Path(place) != folder / "mimic" else ():
            with suppress(FileNotFoundError):
                sizes += Path(place, name).stat().st_size
    return sizes


def kill_repeatedly(folder: Path, kills: int, seed: int) -> int:
    """Kill runs once they wrote a seeded share of what a whole one leaves, then let one end; returns how many died."""
    source, out = write_admissions(folder / "mimic", ADMISSIONS, "Testy McTestface was seen. " * 120), folder / "data"
    assert start(source, out).wait() == 0
    whole = bytes_written(folder)
    shutil.rmtree(out)
    generator = random.Random(seed)
    died = 0
    for _ in range(kills):
        run, share = start(source, out), generator.random()
        try:
            while run.poll() is None and bytes_written(folder) < share * whole:
                pass
        finally:
            run.kill()
            run.wait()
        died += not out.exists()
        if out.exists():
            assert len(load_dataset(out).documents()) == ADMISSIONS
            shutil.rmtree(out)
    assert start(source, out).wait() == 0
    assert len(load_dataset(out).documents()) == ADMISSIONS
    assert sorted(path.name for path in folder.iterdir()) == ["data", "mimic"]
    return died


def test_three_kills_leave_nothing_behind(tmp_path: Path) -> None:
    """Whatever the moment: no output or a whole one, and no partial folder after the next run."""
    assert kill_repeatedly(tmp_path, kills=3, seed=0) > 0


@pytest.mark.acceptance
def test_twenty_kills_leave_nothing_behind(tmp_path: Path) -> None:
    """As above, at twenty moments."""
    assert kill_repeatedly(tmp_path, kills=20, seed=1) > 5


@pytest.mark.parametrize(
    ("text", "limit", "sentence"),
    [
        ("Testy McTestface was seen. " * 50, 200_000, "no room beside --out for the notes read so far"),
        ("", 30_000, "has no room left"),
    ],
    ids=["while the notes are set aside", "while the documents are written"],
)
def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path, text: str, limit: int, sentence: str) -> None:
    """Exit code 2, what to do, no traceback, nothing left behind."""
    source = write_admissions(tmp_path / "mimic", 3_000, text)
    result = subprocess.run(
        [sys.executable, "-c", NO_ROOM.format(bytes=limit), *arguments(source, tmp_path / "data")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "choose another --out" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mimic"]
