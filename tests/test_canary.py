"""The canary is found wherever a note may not be: the control of the checks that every test runs under."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import CANARY, leaks

ROOT = Path(__file__).parents[1]


def test_files_that_hold_or_are_named_by_a_note_are_found(tmp_path: Path) -> None:
    """But not those that are made to hold notes."""
    for name in ("notes.sqlite3", "notes.sqlite3-wal", "documents.parquet", "log", "report.json"):
        (tmp_path / name).write_text(f"a note: {CANARY}")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / f"{CANARY}.sqlite3").write_text("")
    (tmp_path / "clean.json").write_text("nothing of a note")
    found = sorted(path.name for path in leaks(tmp_path))
    assert found == sorted([f"{CANARY}.sqlite3", "log", "report.json"])


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("print(CANARY)", "Captured stdout call"),
        ("print(CANARY, file=sys.stderr)", "Captured stderr call"),
        ("logging.getLogger('app.somewhere').error(CANARY)", "Captured log call"),
        ("logging.getLogger('library').error(CANARY)", None),
        ("print('nothing of a note')", None),
    ],
)
def test_a_test_that_shows_a_note_fails(tmp_path: Path, line: str, section: str | None) -> None:
    """In its output, its errors or our own log, though it passes by itself."""
    imports = "import logging, sys\nfrom tests.canary import CANARY\n"
    (tmp_path / "test_it.py").write_text(f"{imports}def test_it():\n    {line}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (section is not None), done.stdout + done.stderr
    assert section is None or f"a word of a note is in: {section}" in done.stdout
