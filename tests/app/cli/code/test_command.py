"""The verb ``code`` as a user types it; the coder behind it is a fake."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import Result

from app.cli.code.note_files import find_notes
from icd_coder_client import Client
from model.dataset import Document
from model.errors import (
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
def note_file(tmp_path: Path) -> Path:
    file = tmp_path / "stay-7.txt"
    file.write_bytes(NOTE.encode())
    return file


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
    with pytest.raises(MissingInput, match=r"'absent\?\.txt' does not exist"):
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


def test_files_of_macos_and_others_are_passed_over_and_counted(
    invoke: Invoke, tmp_path: Path, coder: FakeCoder
) -> None:
    """A folder is coded without them, and their number is said, not their names."""
    for name in ("a.txt", "b.txt", "._a.txt", "._b.txt", ".DS_Store", "readme.md"):
        (tmp_path / "notes" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "notes" / name).write_bytes(b"\0\xff" if name.startswith(".") else b"diabetes")
    result = invoke("code", "--bundle", "b", "--format", "jsonl", "notes")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "b"]
    told = "'notes': passed over 4 files: 3 with a dot in front of the name and 1 without .txt"
    assert result.stderr.splitlines()[0] == told
    (tmp_path / "mac").mkdir()
    (tmp_path / "mac" / "._a.txt").write_bytes(b"\0\xff")
    with pytest.raises(MissingInput, match="folder 'mac' has no"):
        invoke("code", "--bundle", "b", "mac")


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"Zzyzxcanary \xe9t\xe9", MalformedInput, "is not UTF-8 .byte 12."),
        (b"Zzyzxcanary \xed\xa0\x80", MalformedInput, "is not UTF-8 .byte 12."),
        ("Zzyzxcanary".encode("utf-16"), MalformedInput, "is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`"),
        ("Zzyzxcanary".encode("utf-16-le"), MalformedInput, "is UTF-16: convert it with"),
        (b"PK\x03\x04Zzyzxcanary", MalformedInput, "is a Word document or a zip archive: save or unpack its text"),
        (b"\x1f\x8bZzyzxcanary", MalformedInput, "is compressed with gzip"),
        (b"{\\rtf1 Zzyzxcanary}", InvalidNote, "the note is a rich text document"),
        (b"", InvalidNote, "the note is empty"),
        (b" \n", InvalidNote, "the note is empty"),
        (b"Zzyzxcanary \0", InvalidNote, "NUL character at position 12"),
        (b"Zzyzxcanary " * 850_000, NoteTooLong, "the limit is 1000000"),
        (b"Zzyzxcanary " * 90_000, NoteTooLong, "1080000 characters, the limit is 1000000"),
    ],
    ids=[
        "latin-1",
        "surrogate",
        "UTF-16",
        "UTF-16 without a mark",
        "docx",
        "gzip",
        "RTF",
        "empty",
        "blank",
        "nul",
        "10 MB",
        "1 MB",
    ],
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
    [(["absent.txt"], "'absent.txt' does not exist"), (["empty"], "folder 'empty' has no")],
)
def test_missing_notes_are_named(invoke: Invoke, tmp_path: Path, places: list[str], words: str) -> None:
    """A path or a folder."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInput, match=words):
        invoke("code", "--bundle", "b", *places)


def test_a_pipe_named_as_a_file_is_refused_as_such(invoke: Invoke, tmp_path: Path) -> None:
    """It is there, so "not there" would mislead; it can be read once only."""
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(MissingInput, match="is not a regular file"):
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


def test_a_document_of_the_database_finds_itself_from_a_file(invoke: Invoke, url: str, tmp_path: Path) -> None:
    """End to end over index and code."""
    write_dataset(tmp_path / "data", [*NOTES, Document("long", "p9", "train", "word " * 500, ())])
    invoke("index", "--bundle", "b", "--data", "data", "--database", url)
    (tmp_path / "q.txt").write_text("word " * 500)
    shown = invoke("code", "--bundle", "b", "--database", url, "--format", "jsonl", "q.txt").stdout
    best = json.loads(shown)["neighbours"][0]
    assert best["note_id"] == "long"
    assert best["similarity"] >= 0.999


def test_a_setting_that_cannot_be_used_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, note_file: Path
) -> None:
    """As the environment spells it."""
    monkeypatch.setenv("ICD_CODER_MAX_TOP_K", "many")
    with pytest.raises(InvalidOption, match="ICD_CODER_MAX_TOP_K cannot be used"):
        invoke("code", "--bundle", "b", str(note_file))
