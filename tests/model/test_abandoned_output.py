"""Outputs are whole or absent, and what killed runs left is swept without touching a living one's."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from model.atomic_output import staged_directory, sweep_abandoned, write_atomically
from model.errors import OutputExists

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal
from pathlib import Path
from model.atomic_output import staged_directory
with staged_directory(Path({target!r})) as staging:
    (staging / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_run(target: Path) -> None:
    finished = subprocess.run([sys.executable, "-c", KILLED.format(target=str(target))], cwd=ROOT)
    assert finished.returncode == -9


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_killed_run_leaves_no_target_and_the_next_sweeps(tmp_path: Path) -> None:
    """The partial folder of the dead run goes when the target is made again."""
    killed_run(tmp_path / "data")
    assert [name.startswith(".data.partial-") for name in names(tmp_path)] == [True]
    with staged_directory(tmp_path / "data") as staging:
        (staging / "whole").write_text("whole", encoding="utf-8")
    assert names(tmp_path) == ["data"]
    assert names(tmp_path / "data") == ["whole"]


def test_a_living_runs_partial_folder_is_left_alone(tmp_path: Path) -> None:
    """Two runs of one target at once: neither takes the other's files, the first to end wins."""
    with ExitStack() as run:
        slow = run.enter_context(staged_directory(tmp_path / "data"))
        (slow / "slow").write_text("", encoding="utf-8")
        with staged_directory(tmp_path / "data") as fast:
            (fast / "fast").write_text("", encoding="utf-8")
        assert (slow / "slow").is_file()
        with pytest.raises(OutputExists):
            run.close()
    assert names(tmp_path) == ["data"]
    assert names(tmp_path / "data") == ["fast"]


def test_only_the_same_targets_are_swept(tmp_path: Path) -> None:
    """Another target's partial folder, and a folder of the user's with a similar name, stay."""
    killed_run(tmp_path / "other")
    (tmp_path / ".data.partial-notes").mkdir()
    kept = names(tmp_path)
    sweep_abandoned(tmp_path / "data")
    assert names(tmp_path) == kept


def test_a_single_file_sweeps_too(tmp_path: Path) -> None:
    """What a killed write of the same file left is removed; the content is whole."""
    (tmp_path / ".report.json.partial-abc123_x").write_bytes(b"half")
    write_atomically(tmp_path / "report.json", b"whole")
    assert names(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_bytes() == b"whole"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    """Neither the target nor a partial folder."""
    with pytest.raises(ZeroDivisionError), staged_directory(tmp_path / "data") as staging:
        (staging / "half").write_text(str(1 // 0), encoding="utf-8")
    assert names(tmp_path) == []


def test_a_taken_target_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_text("", encoding="utf-8")
    with pytest.raises(OutputExists), staged_directory(tmp_path / "data"):
        pass
