"""The answers to a security review say what the settings say, and no secret."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from app.cli.security_answers import render
from app.settings import Settings
from model.errors import MissingInput

Invoke = Callable[..., Result]


def answers(**settings: Any) -> dict[int, str]:
    """Question and answer by number, each on one line."""
    sheet = render(Settings(**settings)).partition("\n## Proof")[0]
    found = re.findall(r"^\*\*(\d+)\. (.*?)(?=\n\n\*\*|\n\n## |\Z)", sheet, re.MULTILINE | re.DOTALL)
    return {int(number): " ".join(text.split()) for number, text in found}


def test_fifty_questions_are_answered() -> None:
    """In order; no place is left to fill in, and none of the answers is empty."""
    asked = answers()
    assert list(asked) == list(range(1, 51))
    assert not [number for number, text in asked.items() if "$" in text or not text.partition("?**")[2].strip()]


@pytest.mark.parametrize(
    ("number", "setting", "without", "with_it"),
    [
        (15, {"store_text": True}, "without the texts", "their texts too"),
        (15, {"job_days": 3}, "after *(settings)* 7 days", "after *(settings)* 3 days"),
        (16, {"record_codings": True}, "No. Reviews", "names a stored note"),
        (31, {"group_readable": True}, "0600", "0640"),
        (36, {"metrics": "open"}, "scope `admin`", "Anybody"),
        (40, {"max_characters": 5000}, "1000000", "5000"),
        (50, {"bundles": Path("bundles")}, "No other bundle", "may load another"),
    ],
)
def test_an_answer_follows_its_setting(number: int, setting: dict[str, Any], without: str, with_it: str) -> None:
    assert without in answers()[number]
    assert with_it not in answers()[number]
    assert with_it in answers(**setting)[number]


def test_every_connection_of_the_service_is_named() -> None:
    """A database elsewhere, the identity provider's keys, the collector; a file is no connection."""
    assert "No connection is opened" in answers(oidc_jwks="keys.json", database="sqlite:///notes.sqlite3")[9]
    said = answers(
        database="postgresql+psycopg://coder@db.example/notes",
        oidc_jwks="https://login.example/keys",
        tracing_collector="http://collector.example:4318/v1/traces",
    )[9]
    assert "db.example" in said
    assert "identity provider" in said
    assert "collector of traces" in said
    through = answers(
        oidc_jwks="http://localhost:8080/keys", oidc_proxy="http://bob:Hunter2-not-real@proxy.example:3128"
    )
    assert "public keys, through the proxy proxy.example." in through[9]


def test_no_secret_is_in_the_answers() -> None:
    """A sheet is handed to others."""
    sheet = render(
        Settings(
            database="postgresql+psycopg://coder:Hunter2-not-real@db.example/notes", key_secret="Sesame-not-real-" * 4
        )
    )
    assert "not-real" not in sheet
    assert "coder@" not in sheet


def test_the_verb_prints_the_answers(invoke: Invoke, tmp_path: Path) -> None:
    """With the settings of the file that `serve` reads."""
    config = tmp_path / "site.toml"
    config.write_text("max_waiting = 7\n")
    printed = invoke("security-answers", "--config", str(config))
    assert printed.exit_code == 0
    assert "7 notes" in " ".join(printed.output.split())


def test_a_config_that_is_not_there_is_an_error(invoke: Invoke, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="--config"):
        invoke("security-answers", "--config", str(tmp_path / "absent.toml"))
