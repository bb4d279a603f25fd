"""The canary is found wherever a note may not be: the control of the checks that every test runs under."""

import os
import re
import subprocess
import sys
from pathlib import Path

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


SHOWN = {
    "print": ("print(CANARY)", "Captured stdout call"),
    "errors": ("print(CANARY, file=sys.stderr)", "Captured stderr call"),
    "our_log": ("logging.getLogger('app.somewhere').error(CANARY)", "Captured log call"),
    "foreign_log": ("logging.getLogger('library').error(CANARY)", None),
    "nothing": ("print('nothing of a note')", None),
}
"""What a test does, and where the note is found then."""


def test_a_test_that_shows_a_note_fails(tmp_path: Path) -> None:
    """In its output, its errors or our own log, though it passes by itself."""
    tests = [f"def test_{name}():\n    {line}\n" for name, (line, _) in SHOWN.items()]
    (tmp_path / "test_it.py").write_text("import logging, sys\nfrom tests.canary import CANARY\n" + "".join(tests))
    command = [sys.executable, "-m", "pytest", "-v", "-p", "tests.conftest", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    for name, (_, section) in SHOWN.items():
        assert re.search(rf"::test_{name} {'PASSED' if section is None else 'FAILED'}", done.stdout), done.stdout
        assert section is None or f"a word of a note is in: {section}" in done.stdout
    assert done.returncode == 1
