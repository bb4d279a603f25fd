"""Threads and their wait policy, chosen before a numeric library is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.threads import available_cores, choose_threads, thread_count

AFFINITY = available_cores(Path("/nowhere"))


def test_what_the_user_has_set_is_kept() -> None:
    """The usual variables override the choice."""
    own = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3"}
    environment = dict(own)
    choose_threads(environment)
    assert environment == own


def test_waiting_threads_sleep_by_default() -> None:
    """And there are as many as cores."""
    environment: dict[str, str] = {}
    choose_threads(environment)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(available_cores())}


@pytest.mark.parametrize(("content", "cores"), [("50000 100000\n", 1), ("max 100000\n", AFFINITY), ("?", AFFINITY)])
def test_a_quota_of_a_container_limits_the_cores(tmp_path: Path, content: str, cores: int) -> None:
    """Version 2 of control groups."""
    (tmp_path / "cpu.max").write_text(content)
    assert available_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("50000\n", 1), ("-1\n", AFFINITY)])
def test_a_quota_of_an_older_kernel_limits_the_cores(tmp_path: Path, quota: str, cores: int) -> None:
    """Version 1 of control groups."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("variable", "count"), [("3", 3), ("5,2", 5), ("", AFFINITY), ("0", AFFINITY), ("x", AFFINITY)]
)
def test_the_thread_count_follows_the_variable(monkeypatch: pytest.MonkeyPatch, variable: str, count: int) -> None:
    """OpenMP's own, with the first number of a list for nested regions."""
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr("model.threads.available_cores", lambda: AFFINITY)
    assert thread_count() == count


def test_the_command_line_chooses_before_it_imports_torch() -> None:
    """OpenMP would not read the variables afterwards."""
    program = """
import os, sys, icd_coder
def refuse(event, arguments):
    if event == "import" and arguments[0] == "torch":
        sys.exit(f"torch sees {os.environ.get('OMP_WAIT_POLICY')}")
sys.addaudithook(refuse)
sys.argv = ["icd-coder", "train", "--data", "none", "--out", "none"]
icd_coder.main()
"""
    unset = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    done = subprocess.run([sys.executable, "-c", program], env=unset, capture_output=True, text=True, check=False)
    assert done.stderr == "torch sees PASSIVE\n"
