"""keys and verify-log as a user types them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.access.gate import KeyGate, open_gate
from app.access.keys import find_caller
from app.access.tokens import subject_name
from app.cli.keys import commands
from app.database.engine import open_engine
from app.settings import load_settings
from model.errors import IcdCoderError, InvalidOption, MissingInput
from tests.app.access_log.rows import add_rows, tamper

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(url: str) -> Invoke:
    """Run a verb on a migrated database; an error of ours is raised, as ``icd_coder.main`` sees it."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(commands, [*arguments, "--database", url])
        if isinstance(result.exception, IcdCoderError):
            raise result.exception
        return result

    return run


def test_a_key_is_shown_alone_and_once(invoke: Invoke, url: str) -> None:
    """On standard output, so that a shell can keep it; the list has its id only."""
    made = invoke("keys", "create", "--name", "ward 3", "--scopes", "predict, neighbours", "--expires", "90d")
    assert re.fullmatch(r"icd_[0-9a-f]{16}_[\w-]{43}\n", made.stdout)
    key = made.stdout.strip()
    assert "ward 3" in made.stderr
    assert key not in made.stderr
    gate = open_gate(load_settings(database=url), no_auth=False)
    assert isinstance(gate, KeyGate)
    assert find_caller(gate.engine, gate.secret, key).scopes == {"predict", "neighbours"}
    listed = invoke("keys", "list").stdout.splitlines()
    assert listed[0].split("  ")[0].strip() == "id"
    assert re.fullmatch(r"[0-9a-f]{16}  valid  .*neighbours,predict  ward 3", listed[1])
    assert key[21:] not in "".join(listed)


def test_a_persons_rows_can_be_found(invoke: Invoke, url: str) -> None:
    """By the name that the access log has for them, which depends on issuer, subject and secret."""
    gate = open_gate(load_settings(database=url), no_auth=False)
    assert isinstance(gate, KeyGate)
    told = invoke("keys", "subject", "testperson@hospital.example", "--issuer", "https://login.example").stdout
    assert told == subject_name(gate.secret, "https://login.example", "testperson@hospital.example") + "\n"
    other = invoke("keys", "subject", "testperson@hospital.example", "--issuer", "https://other.example").stdout
    assert other != told


def test_a_revoked_key_is_listed_as_such(invoke: Invoke) -> None:
    """By its id, or with all others."""
    ids = [invoke("keys", "create", "--name", "x", "--scopes", "text").stdout.split("_")[1] for _ in range(3)]
    assert f"key {ids[0]} is revoked" in invoke("keys", "revoke", ids[0]).stderr
    assert [line.split()[1] for line in invoke("keys", "list").stdout.splitlines()[1:]] == ["revoked", "valid", "valid"]
    assert "2 keys revoked" in invoke("keys", "revoke", "--all").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--name", "x", "--scopes", "everything"], r"\['everything'\]: give some of predict,neighbours"),
        (["create", "--name", "x", "--scopes", " , "], "give some of"),
        (["create", "--name", "", "--scopes", "text"], "--name cannot be used"),
        (["create", "--name", "x", "--scopes", "text", "--expires", "soon"], "'soon' cannot be used: give hours"),
        (["create", "--name", "x", "--scopes", "text", "--expires", "0d"], "'0d' cannot be used"),
        (["create", "--name", "x", "--scopes", "text", "--expires", "999999w"], "up to ten years"),
        (["revoke", "0123456789abcdef"], "no key has this id"),
        (["revoke"], "name one key by its id, or all"),
        (["revoke", "0123456789abcdef", "--all"], "name one key by its id, or all"),
    ],
)
def test_what_cannot_be_used_is_named(invoke: Invoke, arguments: list[str], words: str) -> None:
    """And nothing is made."""
    with pytest.raises(InvalidOption, match=words):
        invoke("keys", *arguments)
    assert len(invoke("keys", "list").stdout.splitlines()) == 1


@pytest.mark.parametrize("verb", [["keys", "list"], ["verify-log"], ["keys", "revoke", "--all"]])
def test_a_database_that_is_missing_is_named(verb: list[str], tmp_path: Path) -> None:
    """And not made."""
    url = f"sqlite:///{tmp_path}/absent.sqlite3"
    result = CliRunner().invoke(commands, [*verb, "--database", url])
    assert isinstance(result.exception, MissingInput)
    assert list(tmp_path.iterdir()) == []


def test_verify_log_moves_its_anchor_on_while_the_log_is_whole(invoke: Invoke, url: str, tmp_path: Path) -> None:
    """Broken: exit code 1, the row, and the anchor as it was."""
    engine, anchor = open_engine(url), tmp_path / "anchor"
    add_rows(engine, 3)
    first = invoke("verify-log", "--anchor", str(anchor))
    assert (first.exit_code, "whole: 4 rows" in first.stdout, "made" in first.stderr) == (0, True, True)
    add_rows(engine, 2)
    second = invoke("verify-log", "--anchor", str(anchor))
    assert (second.exit_code, "whole: 6 rows" in second.stdout, "moved on" in second.stderr) == (0, True, True)
    kept = anchor.read_bytes()
    tamper(engine, "DELETE FROM access_log WHERE sequence = 6")
    broken = invoke("verify-log", "--anchor", str(anchor))
    assert broken.exit_code == 1
    assert broken.stdout == (
        "BROKEN: the access log ends at row 5, the anchor knows 6 rows: row 6 and what followed were removed\n"
    )
    assert anchor.read_bytes() == kept


def test_verify_log_fails_where_its_anchor_is_gone(invoke: Invoke, url: str, tmp_path: Path) -> None:
    """The first one is made, and the log remembers it; another begins with an option only."""
    anchor = tmp_path / "anchor"
    add_rows(open_engine(url), 3)
    assert invoke("verify-log", "--anchor", str(anchor)).exit_code == 0
    anchor.unlink()
    gone = invoke("verify-log", "--anchor", str(anchor))
    assert (gone.exit_code, "is gone" in gone.stdout, "--new-anchor" in gone.stdout) == (1, True, True)
    assert not anchor.exists()
    assert invoke("verify-log", "--anchor", str(anchor), "--new-anchor").exit_code == 0
    assert invoke("verify-log", "--anchor", str(anchor)).exit_code == 0


def test_help_has_examples() -> None:
    """That can be copied."""
    for verb in (["keys", "create"], ["keys", "list"], ["keys", "revoke"], ["verify-log"]):
        shown = CliRunner().invoke(commands, [*verb, "--help"]).stdout
        assert f"icd-coder {' '.join(verb)} " in shown
