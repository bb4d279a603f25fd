"""The house: rooms that cannot be shadowed, imports that stay where they belong, files that hold one idea."""

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("app", "icd_coder_client", "model", "training", "migrations")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_owns_a_room(room: str) -> None:
    """Another package's `model/` would win silently."""
    owners = importlib.metadata.packages_distributions().get(room, [])
    assert set(owners) <= {"icd-coder"} | ({"icd-coder-client"} if room == "icd_coder_client" else set())


def test_only_inference_knows_torch_in_the_service() -> None:
    """One file to change when inference moves to a process of its own."""
    users = {path.relative_to(ROOT).as_posix() for path in (ROOT / "app").rglob("*.py") if "torch" in imports(path)}
    assert users == {"app/inference/worker.py"}


def test_the_training_loop_imports_on_a_bare_machine() -> None:
    """torch, numpy, pyarrow and safetensors are enough: a rented GPU has no polars, typer or SQLAlchemy."""
    loop = (ROOT / "training" / "optimise").glob("[!_]*.py")
    code = (
        "import sys\n"
        "absent = 'polars typer rich structlog sklearn matplotlib sqlalchemy fastapi pydantic faiss tensorboard'\n"
        "for name in absent.split():\n"
        "    sys.modules[name] = None\n"
        "import model.bundle\n" + "".join(f"import training.optimise.{path.stem}\n" for path in loop)
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_help_imports_no_room() -> None:
    """`icd-coder --help` answers without torch."""
    code = "import sys, icd_coder\nicd_coder.root(['--help'], standalone_mode=False)\nassert 'torch' not in sys.modules"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    for verb in ("demo", "prepare", "train", "serve"):
        assert verb in finished.stdout


def test_the_help_of_a_verb_imports_no_torch() -> None:
    """It answers in half a second; torch alone takes four more."""
    code = (
        "import sys, icd_coder\n"
        "root = icd_coder.typer.main.get_group(icd_coder.root)\n"
        "for verb in icd_coder.VERBS:\n"
        "    root.get_command(None, verb)\n"
        "    assert 'torch' not in sys.modules, verb\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_holds_one_idea(path: Path) -> None:
    """At most 400 lines, and a docstring that says which idea."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_no_two_neighbouring_folders_import_each_other() -> None:
    """In each folder: no pair of its files and subfolders, one of them a folder, whose imports run both ways."""
    edges = {(one, other) for path in SOURCES for one, other in import_edges(path)}
    pairs = sorted({tuple(sorted(edge)) for edge in edges if edge[::-1] in edges})
    assert pairs == []


def test_pairs_are_found() -> None:
    """The search above is not blind."""
    assert siblings("app.web.routes.jobs", "app.web.dependencies") == ("app.web.routes", "app.web.dependencies")
    assert siblings("app.jobs.service", "app.wire") == ("app.jobs", "app.wire")
    assert ("app.web.routes", "app.web.dependencies") in set(import_edges(ROOT / "app" / "web" / "routes" / "jobs.py"))


def test_nothing_is_unpickled() -> None:
    """safetensors and JSON only, in every room."""
    for path in SOURCES:
        assert not {"pickle", "joblib", "dill"} & imports(path), path
        text = path.read_text(encoding="utf-8")
        assert "torch.load" not in text, path
        assert "trust_remote_code=True" not in text, path


def test_tests_are_no_packages() -> None:
    """An __init__.py under tests would make two names for one module."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def imports(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, at any depth of the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def import_edges(path: Path) -> Iterator[tuple[str, str]]:
    """The imports of a file, each raised to the two children of the folder in which importer and imported part."""
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.module or node.module.split(".")[0] not in ROOMS:
            continue
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            target = module if is_module(module) else node.module
            if not own.startswith(f"{target}.") and not target.startswith(f"{own}."):
                yield siblings(own, target)


def is_module(name: str) -> bool:
    """Whether a dotted name is a file or folder of the sources."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def siblings(one: str, other: str) -> tuple[str, str]:
    """The names up to the first part that differs."""
    first, second = one.split("."), other.split(".")
    depth = next(depth for depth, (a, b) in enumerate(zip(first, second, strict=False)) if a != b) + 1
    return ".".join(first[:depth]), ".".join(second[:depth])
