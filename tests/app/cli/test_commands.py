"""The verbs as a user types them; the coder behind them is a fake."""

import csv
import io
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from app.access.gate import OpenGate
from app.cli.code.note_files import find_notes
from app.cli.commands import commands
from app.client import Client
from app.database.engine import open_engine, write
from app.settings import load_settings
from app.web.application import create_app
from model.dataset import Document
from model.errors import (
    EmbeddingMismatch,
    IcdCoderError,
    InvalidNote,
    InvalidOption,
    MalformedInput,
    MissingInput,
    NoteTooLong,
)
from model.text.note_text import MAX_CHARACTERS
from tests.app.answers import through
from tests.app.fakes import CANARY, NOTES, FakeCoder, write_dataset

NOTE = "Ein Gruß 🫀:\r\nHypertension, then diabetes.\n"
Invoke = Callable[..., Result]


@pytest.fixture
def invoke(coder: FakeCoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Run a verb in an empty folder; an error of ours is raised, as ``icd_coder.main`` sees it."""
    monkeypatch.setattr("app.inference.worker.load_coder", lambda bundle, device, *precision: coder)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(commands, list(arguments), input=stdin)
        if isinstance(result.exception, IcdCoderError):
            raise result.exception
        return result

    return run


@pytest.fixture
def note_file(tmp_path: Path) -> Path:
    file = tmp_path / "stay-7.txt"
    file.write_bytes(NOTE.encode())
    return file


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


def test_json_lines_equal_the_rest_answer(invoke: Invoke, client: TestClient, indexed: str, note_file: Path) -> None:
    """Field by field, with the file's name as id; only the timings differ."""
    result = invoke("code", "--bundle", "b", "--database", indexed, "--format", "jsonl", "--top-k", "3", str(note_file))
    line: dict[str, Any] = json.loads(result.stdout)
    answer = client.post("/v1/predict", json={"text": NOTE, "top_k": 3}).json()
    assert line.pop("id") == "stay-7"
    assert set(line.pop("timings_ms")) == set(answer.pop("timings_ms"))
    assert line == answer
    for code in line["codes"]:
        assert all(NOTE[span["start"] : span["end"]] == span["text"] for span in code["evidence"])


def test_a_service_codes_as_the_bundle_does(
    invoke: Invoke, client: TestClient, indexed: str, note_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same lines, by its own database, with the key of the file."""
    (note_file.parent / "key").write_text("icd_0_x\n")
    made: list[tuple[str, str | None]] = []

    def connect(url: str, key: str | None) -> Client:
        made.append((url, key))
        return Client(url, key, transport=through(client))

    monkeypatch.setattr("app.cli.code.remote.Client", connect)
    arguments = ["--format", "jsonl", "--selected-only", "--subject-id", "p1", str(note_file)]
    asked = invoke("code", "--server", "http://127.0.0.1:1", "--key-file", "key", *arguments)
    offline = invoke("code", "--bundle", "b", "--database", indexed, *arguments)
    remote, local = (json.loads(result.stdout) for result in (asked, offline))
    assert {**remote, "timings_ms": None} == {**local, "timings_ms": None}
    assert made == [("http://127.0.0.1:1", "icd_0_x")]
    assert "warning" not in asked.stderr
    far = invoke("code", "--server", "http://coder.example", str(note_file))
    assert "plain HTTP" in far.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--bundle", "b", "--server", "http://127.0.0.1:1"],
        ["--server", "http://127.0.0.1:1", "--database", "sqlite:///x"],
        ["--bundle", "b", "--key-file", "key"],
        ["--server", "nowhere"],
    ],
)
def test_notes_are_coded_in_one_place(invoke: Invoke, note_file: Path, options: list[str]) -> None:
    """By a bundle or a service, with what belongs to it."""
    with pytest.raises(InvalidOption, match=r"--bundle|--server|address"):
        invoke("code", *options, str(note_file))


def test_the_table_shows_codes_evidence_and_neighbours(invoke: Invoke, indexed: str, note_file: Path) -> None:
    """Title, percentage, mark, evidence in its context, how many neighbours agree, then the neighbours."""
    result = invoke("code", "--bundle", "b", "--database", indexed, str(note_file))
    lines = result.stdout.splitlines()
    row = next(line for line in lines if "250.00" in line)
    for part in ("icd9cm", "Diabetes mellitus", "90.0%", "*", "1/3", "Hypertension, then [diabetes]. (historical)"):
        assert part in row
    assert any(line.startswith("n1") and "2/2" in line and "401.9, 250.00" in line for line in lines)
    assert "no patient is named" in result.stdout


def test_the_named_patient_is_no_neighbour(invoke: Invoke, indexed: str, note_file: Path) -> None:
    """As in the REST request."""
    arguments = ["--database", indexed, "--format", "jsonl", "--subject-id", "p1", str(note_file)]
    answer = json.loads(invoke("code", "--bundle", "b", *arguments).stdout)
    assert [neighbour["note_id"] for neighbour in answer["neighbours"]] == ["n3"]
    assert answer["warnings"] == []


@pytest.mark.parametrize("subject", ["", "a\nb", "\udcff", "x" * 201])
def test_a_patient_that_cannot_be_an_id_is_refused(invoke: Invoke, note_file: Path, subject: str) -> None:
    """In one sentence."""
    with pytest.raises(InvalidOption, match="--subject-id cannot be used"):
        invoke("code", "--bundle", "b", "--subject-id", subject, str(note_file))


def test_a_file_name_that_is_no_unicode_is_readable(invoke: Invoke, tmp_path: Path) -> None:
    """In the answer's id and in messages."""
    (tmp_path / "st\udcff.txt").write_text("diabetes")
    for output in ("jsonl", "codiesp", "table"):
        assert "st?" in invoke("code", "--bundle", "b", "--format", output, "st\udcff.txt").stdout
    with pytest.raises(MissingInput, match=r"'absent\?\.txt' is not there"):
        invoke("code", "--bundle", "b", "absent\udcff.txt")


def test_the_table_has_no_neighbours_without_a_database(invoke: Invoke, note_file: Path) -> None:
    """Nor a column for them, nor a warning: none were asked for."""
    result = invoke("code", "--bundle", "b", str(note_file))
    assert "250.00" in result.stdout
    assert "neighbour" not in result.stdout


def test_selected_only_shares_selected_codes_only(invoke: Invoke, indexed: str, note_file: Path) -> None:
    """A neighbour does not name a code that the answer left out."""
    arguments = ["--database", indexed, "--format", "jsonl", str(note_file)]
    everything = json.loads(invoke("code", "--bundle", "b", *arguments).stdout)
    selected = json.loads(invoke("code", "--bundle", "b", "--selected-only", *arguments).stdout)
    assert any(not code["selected"] for note in everything["neighbours"] for code in note["shared"])
    kept = {code["code"] for code in selected["codes"]}
    assert {code["code"] for note in selected["neighbours"] for code in note["shared"]} <= kept


def test_a_note_cannot_drive_the_terminal(invoke: Invoke, tmp_path: Path) -> None:
    """Escape sequences and right-to-left marks are not printed."""
    (tmp_path / "x.txt").write_text("\x1b[31m\u202ediabetes [bold]mellitus[/bold]\x07", encoding="utf-8")
    shown = invoke("code", "--bundle", "b", "x.txt").stdout
    assert "[diabetes] [bold]mellitus[/bold]" in shown
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)


def test_codiesp_lines_are_read_by_the_shared_task(invoke: Invoke, note_file: Path) -> None:
    """id<TAB>code in lower case, best first."""
    shown = invoke("code", "--bundle", "b", "--format", "codiesp", str(note_file)).stdout
    rows = list(csv.reader(io.StringIO(shown), delimiter="\t"))
    assert rows == [["stay-7", code] for code in ("250.00", "401.9", "428.0", "00.66")]
    assert shown == shown.lower()


def test_selected_only_keeps_the_codes_above_their_threshold(invoke: Invoke, note_file: Path) -> None:
    """In every format."""
    for output in ("codiesp", "jsonl", "table"):
        shown = invoke("code", "--bundle", "b", "--format", output, "--selected-only", str(note_file)).stdout
        assert "401.9" in shown
        assert "428.0" not in shown


def test_explain_none_leaves_the_evidence_out(invoke: Invoke, note_file: Path) -> None:
    """Evidence costs time."""
    shown = invoke("code", "--bundle", "b", "--format", "jsonl", "--explain", "none", str(note_file)).stdout
    assert all(code["evidence"] == [] for code in json.loads(shown)["codes"])
    shown = invoke("code", "--bundle", "b", "--format", "jsonl", "--explain", "attingrad", str(note_file)).stdout
    assert json.loads(shown)["codes"][0]["evidence"][0]["sources"] == ["attingrad"]


def test_folders_files_and_standard_input_together(invoke: Invoke, tmp_path: Path, coder: FakeCoder) -> None:
    """In the order given; a folder's *.txt by name."""
    (tmp_path / "notes").mkdir()
    for name, text in (("b.txt", "failure"), ("a.txt", "diabetes"), ("c.md", "not a note")):
        (tmp_path / "notes" / name).write_text(text)
    (tmp_path / "single").write_text("angioplasty")
    result = invoke("code", "--bundle", "b", "--format", "jsonl", "single", "notes", "-", stdin=b"hypertension")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["single", "a", "b", "stdin"]
    assert coder.texts == ["angioplasty", "diabetes", "failure", "hypertension"]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"Zzyzxcanary \xe9t\xe9", MalformedInput, "is not UTF-8 .byte 12."),
        (b"Zzyzxcanary \xed\xa0\x80", MalformedInput, "is not UTF-8 .byte 12."),
        (b"", InvalidNote, "the note is empty"),
        (b" \n", InvalidNote, "the note is empty"),
        (b"Zzyzxcanary \0", InvalidNote, "NUL character at position 12"),
        (b"Zzyzxcanary " * 850_000, NoteTooLong, "the limit is 1000000"),
        (b"Zzyzxcanary " * 90_000, NoteTooLong, "1080000 characters, the limit is 1000000"),
    ],
    ids=["latin-1", "surrogate", "empty", "blank", "nul", "10 MB", "1 MB"],
)
def test_bad_notes_are_named_before_any_is_coded(
    invoke: Invoke,
    tmp_path: Path,
    coder: FakeCoder,
    content: bytes,
    error: type[IcdCoderError],
    words: str,
) -> None:
    """From a file or standard input, by its name and without its words."""
    (tmp_path / "good.txt").write_text("diabetes")
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(error, match=rf"^'bad\.txt'.*{words}") as caught:
        invoke("code", "--bundle", "b", "good.txt", "bad.txt")
    assert CANARY not in str(caught.value)
    with pytest.raises(error, match=rf"^standard input.*{words.split(' ')[-1] if error is NoteTooLong else words}"):
        invoke("code", "--bundle", "b", "-", stdin=content)
    assert coder.texts == []


def test_max_characters_lowers_the_limit(invoke: Invoke, note_file: Path) -> None:
    """For one call."""
    with pytest.raises(NoteTooLong, match=r"stay-7\.txt'.*the limit is 10"):
        invoke("code", "--bundle", "b", "--max-characters", "10", str(note_file))


@pytest.mark.parametrize(
    ("places", "words"),
    [(["absent.txt"], "'absent.txt' is not there"), (["empty"], "folder 'empty' has no")],
)
def test_missing_notes_are_named(invoke: Invoke, tmp_path: Path, places: list[str], words: str) -> None:
    """A path or a folder."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInput, match=words):
        invoke("code", "--bundle", "b", *places)


def test_a_pipe_named_as_a_file_is_refused_as_such(invoke: Invoke, tmp_path: Path) -> None:
    """It is there, so "not there" would mislead; it can be read once only."""
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(MissingInput, match="is no plain file"):
        invoke("code", "--bundle", "b", str(tmp_path / "pipe.txt"))


def test_a_closed_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `<&-` in a shell."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(MissingInput, match="standard input is closed"):
        find_notes(["-"])


def test_an_endless_standard_input_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the longest note is read."""
    with Path("/dev/zero").open() as endless:
        monkeypatch.setattr("sys.stdin", endless)
        note = find_notes(["-"])[0]
    with pytest.raises(NoteTooLong, match="standard input"):
        note.read(MAX_CHARACTERS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(invoke: Invoke, note_file: Path) -> None:
    """With the system's reason."""
    note_file.chmod(0)
    with pytest.raises(MissingInput, match="cannot be read .Permission denied."):
        invoke("code", "--bundle", "b", str(note_file))


def test_two_notes_with_one_id_are_refused_where_the_id_counts(invoke: Invoke, tmp_path: Path) -> None:
    """Not in the table, which shows paths."""
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "n.txt").write_text("diabetes")
    with pytest.raises(InvalidOption, match=r"'x/n\.txt' and 'y/n\.txt' would both be 'n'"):
        invoke("code", "--bundle", "b", "--format", "jsonl", "x", "y")
    assert invoke("code", "--bundle", "b", "x", "y").exit_code == 0


def test_a_named_database_that_is_missing_is_an_error(invoke: Invoke, note_file: Path) -> None:
    """For code and for serve, with the command that makes it."""
    for arguments in (["code", str(note_file)], ["serve", "--port", "0"]):
        with pytest.raises(MissingInput, match=r"absent\.sqlite3' is not there.*icd-coder index"):
            invoke(*arguments, "--bundle", "b", "--database", "sqlite:///absent.sqlite3")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", "8.8.8.8", ""])
def test_serve_without_keys_refuses_a_host_that_is_not_loopback(invoke: Invoke, host: str) -> None:
    """Anybody could ask."""
    with pytest.raises(InvalidOption, match=r"(not loopback|is empty).*--host 127\.0\.0\.1"):
        invoke("serve", "--bundle", "b", "--no-auth", "--host", host)


def test_serve_needs_a_database_for_its_keys(invoke: Invoke) -> None:
    """Or the word that none are wanted."""
    with pytest.raises(InvalidOption, match="name one with --database, or answer without keys .* --no-auth"):
        invoke("serve", "--bundle", "b", "--port", "0")


def test_serve_with_keys_answers_other_machines(invoke: Invoke, indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every address, and only with a key."""
    served: list[Any] = []

    def run(app: Any, bound: socket.socket, _seconds: int) -> None:
        served.append((app, bound.getsockname()[0]))
        bound.close()

    monkeypatch.setattr("app.web.server.run", run)
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    invoke("serve", "--bundle", "b", "--database", indexed, "--host", "0.0.0.0", "--port", "0")
    app, address = served[0]
    assert address == "0.0.0.0"
    with TestClient(app) as client:
        assert client.get("/v1/model").status_code == 401


def test_serve_refuses_a_port_in_use(invoke: Invoke) -> None:
    """Naming the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidOption, match=rf"port {port} of 127\.0\.0\.1.*in use.*--port"):
            invoke("serve", "--bundle", "b", "--port", str(port))


@pytest.mark.parametrize("there", [True, False])
def test_serve_uses_the_database_beside_the_bundle(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Where it is; otherwise it serves without neighbours and says how to get them."""
    served: list[Any] = []
    monkeypatch.setattr("app.web.server.run", lambda app, bound, seconds: (served.append(app), bound.close()))
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    if there:
        write_dataset(tmp_path / "data")
        invoke("index", "--bundle", "b", "--data", "data")
    result = invoke("serve", "--bundle", "b", "--port", "0", "--no-auth")
    assert result.exit_code == 0
    assert ("icd-coder index --bundle b" in result.stderr) is not there
    with TestClient(served[0], base_url="http://localhost") as client:
        found = client.post("/v1/predict", json={"text": NOTES[0].text}).json()["neighbours"]
    assert bool(found) is there


def test_serve_check_opens_everything_and_serves_nothing(invoke: Invoke, indexed: str, tmp_path: Path) -> None:
    """Bundle, database, keys and limits, those of the file too; also beside a running service."""
    (tmp_path / "icd.toml").write_text(f'database = "{indexed}"\nmax_characters = 777\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = invoke("serve", "--bundle", "b", "--check", "--port", port, "--config", "icd.toml")
    assert result.exit_code == 0
    for part in ("bbbbbbbbbbbb, 4 codes", "notes.sqlite3", "asked for", "777 characters", "metrics   admin"):
        assert part in result.stdout


def test_serve_check_names_what_is_wrong(invoke: Invoke, indexed: str, coder: FakeCoder) -> None:
    """As serving would: exit code 2, in one sentence."""
    coder.embedding_id = "f" * 64
    with pytest.raises(EmbeddingMismatch):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--database", indexed)
    with pytest.raises(MissingInput, match="absent"):
        invoke("serve", "--bundle", "b", "--check", "--database", "sqlite:///absent.sqlite3")
    with pytest.raises(InvalidOption, match="not loopback"):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--host", "0.0.0.0")
    with pytest.raises(MissingInput, match="no.toml"):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--config", "no.toml")


def test_migrate_makes_the_tables(invoke: Invoke, tmp_path: Path) -> None:
    """Ready to be served, though empty."""
    invoke("migrate", "--database", "sqlite:///new.sqlite3")
    with TestClient(
        create_app(load_settings(database=f"sqlite:///{tmp_path}/new.sqlite3"), FakeCoder(), OpenGate())
    ) as client:
        answer = client.post("/v1/predict", json={"text": "diabetes"}).json()
    assert answer["neighbours"] == []
    assert any("icd-coder index" in warning for warning in answer["warnings"])


def test_a_setting_that_cannot_be_used_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, note_file: Path
) -> None:
    """As the environment spells it."""
    monkeypatch.setenv("ICD_CODER_MAX_TOP_K", "many")
    with pytest.raises(InvalidOption, match="ICD_CODER_MAX_TOP_K cannot be used"):
        invoke("code", "--bundle", "b", str(note_file))


@pytest.mark.parametrize("verb", ["migrate", "index", "code", "serve"])
def test_help_has_an_example(invoke: Invoke, verb: str) -> None:
    """That can be copied."""
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"icd-coder {verb} --" in result.stdout


def test_a_document_of_the_database_finds_itself_from_a_file(invoke: Invoke, url: str, tmp_path: Path) -> None:
    """End to end over index and code."""
    write_dataset(tmp_path / "data", [*NOTES, Document("long", "p9", "train", "word " * 500, ())])
    invoke("index", "--bundle", "b", "--data", "data", "--database", url)
    (tmp_path / "q.txt").write_text("word " * 500)
    shown = invoke("code", "--bundle", "b", "--database", url, "--format", "jsonl", "q.txt").stdout
    best = json.loads(shown)["neighbours"][0]
    assert best["note_id"] == "long"
    assert best["similarity"] >= 0.999


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


def test_verify_index_lists_problems_and_fails(invoke: Invoke, indexed: str) -> None:
    """On standard output, one a line."""
    with write(open_engine(indexed)) as connection:
        connection.exec_driver_sql("DELETE FROM embeddings WHERE note_id = 1")
    with pytest.raises(MalformedInput, match="1 problems, listed above.*index --rebuild"):
        invoke("verify-index", "--database", indexed)
