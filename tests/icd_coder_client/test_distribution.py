"""The client installs by itself: its wheel, in an environment with httpx and pydantic only."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import icd_coder_client

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "icd_coder_client"
PROJECT = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]
MOST_BYTES = 100_000
ABSENT = ("torch", "numpy", "app", "model", "training", "icd_coder", "typer", "tenacity")


def needed(requirements: list[str], seen: set[str]) -> Iterator[importlib.metadata.Distribution]:
    """The installed distributions of the requirements and of theirs, without extras."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in seen:
            seen.add(name)
            found = importlib.metadata.distribution(requirement.name)
            yield found
            yield from needed(found.requires or [], seen)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the client, built without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=SOURCES, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel and what it requires, and not even pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    for distribution in needed(PROJECT["dependencies"], set()):
        for name in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (packages / name).symlink_to(Path(str(distribution.locate_file(name))))
    return folder / "bin" / "python"


def run(python: Path, code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=120)


def test_the_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    """And no more; its size is that of its sources."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {f"icd_coder_client/{path.name}" for path in SOURCES.glob("*.py")} | {"icd_coder_client/py.typed"}
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert any(name.endswith("licenses/LICENSE") for name in names)
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes")  # noqa: T201
    assert wheel.stat().st_size < MOST_BYTES


def test_the_client_runs_with_httpx_and_pydantic_only(python: Path) -> None:
    """It sends a request; nothing of the service or of training can be imported there."""
    code = (
        "import httpx, icd_coder_client as c\n"
        "answer = httpx.MockTransport(lambda _: httpx.Response(403, json={'status': 403, 'detail': 'no'}))\n"
        "with c.Client('http://127.0.0.1:8000', 'k', transport=answer) as client:\n"
        "    try:\n"
        "        client.predict('a note', top_k=3)\n"
        "    except c.AccessRefused as refused:\n"
        "        print(refused.problem.detail)\n"
    )
    done = run(python, code)
    assert (done.returncode, done.stdout) == (0, "no\n"), done.stderr
    for name in ABSENT:
        assert "ModuleNotFoundError" in run(python, f"import {name}").stderr, name


def test_importing_the_client_imports_nothing_of_the_service() -> None:
    """Also where all is installed."""
    code = f"import sys, icd_coder_client; print(sorted(set({ABSENT}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_two_distributions_have_one_version() -> None:
    """They ship the same package, so that either may be installed over the other."""
    main = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert PROJECT["version"] == main["version"] == icd_coder_client.__version__
    assert {"httpx", "pydantic"} == {Requirement(each).name for each in PROJECT["dependencies"]}
    assert set(PROJECT["dependencies"]) <= set(main["dependencies"])


def test_every_public_name_is_exported() -> None:
    """A class of an answer or error that a user may name is in the package itself."""
    for path in SOURCES.glob("[!_]*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name not in ("Connection", "Strict"):
                assert node.name in icd_coder_client.__all__, node.name


def test_the_licence_is_that_of_the_repository() -> None:
    assert (SOURCES / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_page_of_the_package_names_what_there_is() -> None:
    """Its example imports and calls what the client has."""
    text = (SOURCES / "README.md").read_text()
    (imported,) = re.findall(r"from icd_coder_client import (.*)", text)
    assert set(imported.split(", ")) <= set(icd_coder_client.__all__)
    assert all(hasattr(icd_coder_client.Client, name) for name in re.findall(r"client\.(\w+)\(", text))
