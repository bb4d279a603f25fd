"""Docs can fail: every command exists with its flags, every link leads somewhere, every page is in the navigation.

`make docs` builds the site and checks more, such as links into the generated pages.
"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import icd_coder

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE]
GENERATED = {
    "reference/command-line.md",
    "reference/routes.md",
    "reference/code-spellings.md",
    "reference/security-answers.md",
    "changelog.md",
}
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PROSE_WIDTH = 120
HISTORY = {"LOG.md", "studies"}
"""Records of what was measured then; their lines are left as they were written."""


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


def test_the_docs_show_the_main_commands() -> None:
    """The list is not empty by a mistake of the search above."""
    verbs = {shlex.split(command)[1] for _, command in ALL}
    assert {"prepare", "train", "evaluate", "index", "serve", "code", "keys", "backup", "study"} <= verbs


@pytest.mark.parametrize(("page", "command"), ALL)
def test_a_command_in_the_docs_exists_with_its_flags(page: str, command: str) -> None:
    """Verb, group member and flags; values are not run."""
    words = shlex.split(command)[1:]
    group: Any = typer.main.get_group(icd_coder.root)
    verb = group.get_command(None, words[0])
    assert verb is not None, command
    rest = words[1:]
    if rest[0] in getattr(verb, "commands", {}):  # `export` is a verb and a group
        verb, rest = verb.commands[rest[0]], rest[1:]
    known = {option for one in verb.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{page}: {command}: {word}"


def test_every_verb_of_the_help_can_be_opened() -> None:
    """The table in icd_coder.py and the packages agree, in name and in having a help text."""
    group: Any = typer.main.get_group(icd_coder.root)
    for name in group.list_commands(None):
        verb = group.get_command(None, name)
        assert verb is not None, name
        assert verb.help, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_file_and_to_a_heading(page: Path) -> None:
    """Pages that are generated are only checked by `make docs`."""
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in link or (page.parent / path).resolve() in {DOCS / name for name in GENERATED}:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as MkDocs names them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_path_of_the_repository_exists(page: Path) -> None:
    """A file that moves takes the sentences that name it with it; the log and the studies name files of their time."""
    if page.is_relative_to(DOCS) and page.relative_to(DOCS).parts[0] in HISTORY:
        return
    named = set(
        re.findall(r"\b(?:app|model|training|tests|migrations|docker|docs)/[\w./-]*\w", page.read_text("utf-8"))
    )
    placeholders = {
        name for name in named if re.search(r"/[A-Z]+\b(?!\.md)", name) or name.startswith("docker/secrets/")
    }
    assert [name for name in sorted(named - placeholders) if not (ROOT / name).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    """And every entry of the navigation is a page; the study's reports are linked from its page."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(leaves(yaml.safe_load(text)["nav"]))
    there = {page.relative_to(DOCS).as_posix() for page in SITE}
    assert listed - GENERATED == {name for name in there if not name.startswith("studies/2026-11-losses/")}
    assert listed >= GENERATED


def leaves(nav: Any) -> list[str]:
    """The pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    return [leaf for one in (nav.values() if isinstance(nav, dict) else nav) for leaf in leaves(one)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_prose_fits_the_width_of_a_screen(page: Path) -> None:
    """Lines outside of code blocks and tables have at most 120 characters."""
    if page.is_relative_to(DOCS) and page.relative_to(DOCS).parts[0] in HISTORY:
        return
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    assert [line for line in prose.splitlines() if len(line) > PROSE_WIDTH and not line.startswith("|")] == []
