"""The program runs in a folder that has packages of the same names, as a project of machine learning often has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from icd_coder import OwnPackages

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1")
SYNTH = ("synth", "mimic3", "--admissions", "201", "--noteevents", "2000", "--out", "tables")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder in which each of our top-level names is a package that cannot be imported."""
    for name in OwnPackages.NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the foreign {name}')\n")
    return tmp_path


def run(folder: Path, *arguments: str, path: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "icd_coder", "--help"),
        ("-m", "icd_coder", "demo", "--help"),
        ("-m", "icd_coder", "train", "--help"),
        ("-m", "icd_coder", "migrate", "--database", "sqlite:///notes.sqlite3"),
        ("-m", "icd_coder", *SYNTH),  # its processes are spawned
        (*TORCHRUN, "-m", "icd_coder", "train", "--help"),
    ],
    ids=["help", "demo", "train", "migrate", "spawn", "torchrun"],
)
def test_the_packages_of_the_folder_are_not_taken_for_ours(foreign: Path, arguments: tuple[str, ...]) -> None:
    """In the process itself, in one that it spawns, and in one of torchrun."""
    done = run(foreign, *arguments)
    assert done.returncode == 0, done.stderr
    assert "foreign" not in done.stderr


def test_the_installed_command_is_as_safe_with_a_path_from_the_environment(foreign: Path) -> None:
    """A shell that sets ``PYTHONPATH=.`` puts the folder first for every program."""
    done = run(foreign, "-c", "import icd_coder, sys; sys.argv[1:] = ['train', '--help']; icd_coder.main()", path=".")
    assert done.returncode == 0, done.stderr


def test_other_names_are_found_where_python_looks(foreign: Path) -> None:
    """Only our own names are ours: a module of the folder stays importable."""
    (foreign / "words.py").write_text("COUNT = 3\n")
    done = run(foreign, "-c", "import icd_coder, words; print(words.COUNT)")
    assert (done.returncode, done.stdout) == (0, "3\n")


def test_every_package_of_the_program_is_named() -> None:
    """A new one that is imported from here has to be added."""
    root = Path(__file__).parent.parent
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    assert {*packages, "demo"} == OwnPackages.NAMES
