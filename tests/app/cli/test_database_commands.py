"""The verbs of the database, and what all verbs share, as a user types them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import Result

from app.access.gate import OpenGate
from app.access.keys import create_key, revoke_all_keys, revoke_key
from app.access.scopes import Scope
from app.database.engine import open_engine, write
from app.settings import load_settings
from app.web.application import create_app
from model.dataset import Document
from model.errors import (
    IcdCoderError,
    InvalidOption,
    MalformedInput,
    MissingInput,
)
from model.icd import Code
from tests.app.fakes import LABELS, FakeCoder, write_dataset

Invoke = Callable[..., Result]


def test_index_makes_the_database_beside_the_bundle(invoke: Invoke, tmp_path: Path) -> None:
    """And says what it added; a second run adds nothing."""
    write_dataset(tmp_path / "data")
    for added, present in ((3, 0), (0, 3)):
        result = invoke("index", "--bundle", "out/../bundle", "--data", "data")
        assert result.exit_code == 0
        assert f"{added} added, {present} were there" in result.stderr
    assert (tmp_path / "bundle.sqlite3").is_file()


def test_the_environment_names_the_database_of_every_verb(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container it is set once; an option wins over it."""
    monkeypatch.setenv("ICD_CODER_DATABASE", f"sqlite:///{tmp_path}/named.sqlite3")
    assert invoke("migrate").exit_code == 0
    assert invoke("index", "--bundle", tmp_path / "bundle", "--data", write_dataset(tmp_path / "data")).exit_code == 0
    assert "3 notes, 3 embeddings" in invoke("verify-index").stderr
    assert not (tmp_path / "bundle.sqlite3").exists()
    with pytest.raises(MissingInput, match="other.sqlite3"):
        invoke("verify-index", "--database", f"sqlite:///{tmp_path}/other.sqlite3")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--data", "absent"], MissingInput, "'absent' is no dataset directory"),
        (["--data", "data", "--splits", "val"], InvalidOption, r"\['val'\]: give some of train,dev,test"),
        (["--data", "data", "--database", "mysql://host/x"], InvalidOption, "'mysql' is not supported"),
        (["--data", "data", "--database", "sqlite:///no/x.db"], MissingInput, "folder 'no'"),
    ],
)
def test_index_names_what_is_wrong(
    invoke: Invoke, tmp_path: Path, options: list[str], error: type[IcdCoderError], words: str
) -> None:
    """One sentence each."""
    write_dataset(tmp_path / "data")
    with pytest.raises(error, match=words):
        invoke("index", "--bundle", "bundle", *options)


def test_migrate_makes_the_tables(invoke: Invoke, tmp_path: Path) -> None:
    """Ready to be served, though empty."""
    invoke("migrate", "--database", "sqlite:///new.sqlite3")
    with TestClient(
        create_app(load_settings(database=f"sqlite:///{tmp_path}/new.sqlite3"), FakeCoder(), OpenGate())
    ) as client:
        answer = client.post("/v1/predict", json={"text": "diabetes"}).json()
    assert answer["neighbours"] == []
    assert any("icd-coder index" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("verb", ["migrate", "index", "code", "serve"])
def test_help_has_an_example(invoke: Invoke, verb: str) -> None:
    """That can be copied."""
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"icd-coder {verb} --" in result.stdout


def test_backup_restore_and_verify(invoke: Invoke, migrated_url: str, tmp_path: Path) -> None:
    """A database of either engine goes into one file and from there into a new one."""
    write_dataset(tmp_path / "data")
    invoke("index", "--bundle", "b", "--data", "data", "--database", migrated_url)
    result = invoke("backup", "--database", migrated_url, "--out", "notes.icdbackup")
    assert "notes.icdbackup: 3 notes, 3 embeddings" in result.stderr
    result = invoke("restore", "--database", "sqlite:///new.sqlite3", "--from", "notes.icdbackup")
    assert "new.sqlite3: 3 notes, 3 embeddings" in result.stderr
    result = invoke("verify-index", "--database", "sqlite:///new.sqlite3")
    assert result.exit_code == 0
    assert "3 notes, 3 embeddings of eeeeeeeeeeee, 3 searched for themselves" in result.stderr
    rebuilt = invoke("index", "--bundle", "b", "--data", "data", "--database", "sqlite:///new.sqlite3", "--rebuild")
    assert "3 added, 0 were there" in rebuilt.stderr


def test_a_restore_says_how_many_keys_are_valid_again(invoke: Invoke, indexed: str) -> None:
    """One was revoked after the backup, one before it, and one has expired."""
    engine = open_engine(indexed)
    made = [create_key(engine, b"s" * 32, name, frozenset({Scope.PREDICT})) for name in ("kept", "later", "before")]
    create_key(engine, b"s" * 32, "old", frozenset({Scope.PREDICT}), timedelta(seconds=-1))
    revoke_key(engine, made[2].key_id)
    invoke("backup", "--database", indexed, "--out", "notes.icdbackup")
    revoke_key(engine, made[1].key_id)
    engine.dispose()
    result = invoke("restore", "--database", "sqlite:///new.sqlite3", "--from", "notes.icdbackup")
    assert "warning: 2 access keys are valid as at the time of the backup" in result.stderr
    assert "`icd-coder keys list --database sqlite:///new.sqlite3`" in result.stderr
    revoked = open_engine("sqlite:///new.sqlite3")
    revoke_all_keys(revoked)
    revoked.dispose()
    invoke("backup", "--database", "sqlite:///new.sqlite3", "--out", "none.icdbackup")
    quiet = invoke("restore", "--database", "sqlite:///third.sqlite3", "--from", "none.icdbackup")
    assert "warning" not in quiet.stderr


def test_verify_index_lists_problems_and_fails(invoke: Invoke, indexed: str) -> None:
    """On standard output, one a line."""
    with write(open_engine(indexed)) as connection:
        connection.exec_driver_sql("DELETE FROM embeddings WHERE note_id = 1")
    with pytest.raises(MalformedInput, match="1 problems, listed above.*index --rebuild"):
        invoke("verify-index", "--database", indexed)


def test_index_tells_of_codes_that_the_bundle_lacks(invoke: Invoke, url: str, tmp_path: Path) -> None:
    """On standard error; nothing where the bundle has every code."""
    write_dataset(tmp_path / "data", [Document("n1", "p1", "train", "a note", (LABELS[0].key, Code("icd10cm", "I10")))])
    write_dataset(tmp_path / "same", [Document("n2", "p1", "train", "a note", (LABELS[0].key,))])
    told = invoke("index", "--bundle", "b", "--data", "data", "--database", url).stderr
    assert "warning: the bundle has no code for 1 of the 2 codes (1 of 2 assignments): no suggestion" in told
    assert "warning" not in invoke("index", "--bundle", "b", "--data", "same", "--database", url).stderr
