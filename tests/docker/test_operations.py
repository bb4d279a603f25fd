"""docs/how-to/operations.md against the code: commands, settings of the compose files, log events and metrics."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import icd_coder
from app.web.metrics import Metrics
from tests.app.fakes import FakeCoder

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "operations.md").read_text(encoding="utf-8")
PAGES = {
    "docker.md": (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8"),
    "operations.md": GUIDE,
}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LIBRARIES = "message of a library withheld"


def code(page: str) -> Iterator[str]:
    """Blocks for a shell, and what stands between backticks."""
    for block, span in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", page, re.DOTALL):
        yield block or span


def verbs() -> list[tuple[str, str]]:
    """What every `docker compose run --rm tool ...` of the pages asks icd-coder for."""
    asked = re.compile(r"docker compose run --rm tool ([^\n)>]+)")
    return [(name, words) for name, page in PAGES.items() for part in code(page) for words in asked.findall(part)]


@pytest.mark.parametrize(("page", "words"), verbs())
def test_a_verb_of_the_tool_exists_with_its_flags(page: str, words: str) -> None:
    """Values are not run here; those of docker.md are, by `make rehearse`."""
    verb: Any = typer.main.get_group(icd_coder.root)
    rest = shlex.split(words.replace("...", ""))
    while hasattr(verb, "commands"):
        verb = verb.get_command(None, rest.pop(0))
        assert verb is not None, words
    known = {option for one in verb.params for option in one.opts}
    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known


def test_the_pages_have_such_verbs() -> None:
    """The search above finds them."""
    assert {words.split()[0] for _, words in verbs()} >= {"backup", "restore", "verify-index", "verify-log", "keys"}


def first_column(section: str) -> set[str]:
    """The names that a section's table is about."""
    part = GUIDE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {name for _, name in re.findall(r"^\| (`+)(.+?)\1 \|", part, re.MULTILINE)}


def test_every_log_event_is_in_the_guide() -> None:
    """And no other."""
    told = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                told |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert first_column("Logs") == {*told, LIBRARIES}


def test_every_metric_is_in_the_guide() -> None:
    """By the name that Prometheus sees."""
    text = Metrics(FakeCoder()).text().decode()
    names = set(re.findall(r"^# TYPE (icd_coder_\w+) ", text, re.MULTILINE))
    assert first_column("Metrics") == {name for name in names if not name.endswith("_created")}


@pytest.mark.parametrize("name", ["compose.yaml", "train.compose.yaml"])
def test_every_variable_of_a_compose_file_is_in_the_guide(name: str) -> None:
    """What can be chosen from outside."""
    content = (ROOT / "docker" / name).read_text(encoding="utf-8")
    assert {variable for variable in re.findall(r"\$\{(\w+)", content) if variable not in GUIDE} == set()
