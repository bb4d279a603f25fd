"""Docs can fail: every command in them exists, with every flag that it is shown with."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import icd_coder

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "studies").glob("*.md"))]


def commands_in(page: Path) -> list[str]:
    """Lines of code blocks that begin with icd-coder, continued lines joined."""
    found = []
    for block in re.findall(r"```[a-z]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ")
            if line.startswith("icd-coder "):
                found.append(re.split(r"\s{2,}#|\s\||\s>|\s#\s", line)[0])
    return found


ALL = [(page.name, command) for page in PAGES for command in commands_in(page)]


def test_readme_shows_the_main_commands() -> None:
    """The list is not empty by a mistake of the search above."""
    verbs = {shlex.split(command)[1] for name, command in ALL if name == "README.md"}
    assert {"prepare", "train", "evaluate", "index", "serve", "code"} <= verbs


@pytest.mark.parametrize(("page", "command"), ALL)
def test_a_command_in_the_docs_exists_with_its_flags(page: str, command: str) -> None:
    """Verb, group member and flags; values are not run."""
    words = shlex.split(command)[1:]
    group: Any = typer.main.get_group(icd_coder.root)
    verb = group.get_command(None, words[0])
    assert verb is not None, command
    rest = words[1:]
    if hasattr(verb, "commands"):
        verb, rest = verb.commands[rest[0]], rest[1:]
    known = {option for one in verb.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{page}: {command}: {word}"


def test_every_verb_of_the_help_can_be_opened() -> None:
    """The table in icd_coder.py and the rooms agree, in name and in having a help text."""
    group: Any = typer.main.get_group(icd_coder.root)
    for name in group.list_commands(None):
        verb = group.get_command(None, name)
        assert verb is not None, name
        assert verb.help, name
