"""The table of reviews at the command line, read again by ``prepare table``."""

import csv
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from typer.testing import CliRunner

import icd_coder
from app.access.gate import OpenGate
from app.database.engine import migrate
from app.settings import load_settings
from app.web.application import create_app
from model.dataset import Document, load_dataset
from model.icd import Code
from tests.app.access_log.rows import logged
from tests.app.fakes import CANARY, FakeCoder, index_into, write_dataset

HARD = f'{CANARY} said: "a, b; c"\r\nand, ünder a new line,\n\n=1+1\tdiabetes.'
NOTES = [
    Document("w/1", "p1", "train", HARD, (Code("icd9cm", "401.9"), Code("icd9pcs", "00.66"))),
    Document("007", "p1", "train", "Old Testperson with sepsis.", ()),
    Document("3", "", "train", "Testperson with pneumonia.", (Code("icd9cm", "486"),)),
    Document("4", "p4", "train", "Never reviewed.", (Code("icd9cm", "486"),)),
]


def run(*arguments: str) -> None:
    done = CliRunner().invoke(icd_coder.root, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture
def reviewed(tmp_path: Path, coder: FakeCoder) -> str:
    """A database with three reviewed notes and one without a review."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    index_into(url, coder, write_dataset(tmp_path / "data", NOTES), store_text=True)
    with TestClient(create_app(load_settings(database=url), coder, OpenGate())) as client:
        for note, code in (("w/1", "038.9"), ("007", "250.00"), ("3", "401.9")):
            action = {"action": "add", "system": "icd9cm", "code": code, "position": 1}
            assert client.post("/v1/reviews", json={"note_id": note, "actions": [action]}).status_code == 201
    return url


def test_prepare_table_reads_the_export(reviewed: str, tmp_path: Path) -> None:
    """Texts, ids, patients and codes come through letter by letter: 038.9 keeps its zero, 250.00 both."""
    table, out = str(tmp_path / "reviewed.csv"), str(tmp_path / "again")
    run("export-reviews", "--database", reviewed, "--system", "icd9cm", "--with-text", "--out", table)
    columns = ("--text", "text", "--codes", "codes", "--id", "note_id", "--subject", "subject_id")
    run("prepare", "table", "--source", table, *columns, "--system", "icd9cm", "--out", out)
    documents = [
        document for split in ("train", "dev", "test") for document in load_dataset(Path(out)).documents(split)
    ]
    assert {document.document_id: [code.code for code in document.codes] for document in documents} == {
        "w/1": ["038.9", "401.9"],
        "007": ["250.00"],
        "3": ["401.9", "486"],
    }
    assert {document.document_id: document.text for document in documents}["w/1"] == HARD
    assert {document.document_id: document.subject_id for document in documents} == {"w/1": "p1", "007": "p1", "3": "3"}


def test_ids_and_texts_that_look_like_formulas_come_back(tmp_path: Path, coder: FakeCoder) -> None:
    """So that indexing the export finds the same note and patient, and makes no second ones."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    code = (Code("icd9cm", "401.9"),)
    notes = [
        Document("-5", "-77", "train", f"- {CANARY} has chest pain.\n- Old.", code),
        Document("=n", "+p", "train", f"=== {CANARY} Admission ===", code),
        Document("'@q", "'-7", "train", f"'+ {CANARY} a quote of its own", code),
        Document("'tis", "@x", "train", f"\t{CANARY} begins with a tab", code),
    ]
    index_into(url, coder, write_dataset(tmp_path / "data", notes), store_text=True)
    with TestClient(create_app(load_settings(database=url), coder, OpenGate())) as client:
        for note in notes:
            action = {"action": "accept", "system": "icd9cm", "code": "401.9"}
            review = {"note_id": note.document_id, "actions": [action]}
            assert client.post("/v1/reviews", json=review).status_code == 201
    table, out = tmp_path / "reviewed.csv", tmp_path / "again"
    run("export-reviews", "--database", url, "--system", "icd9cm", "--with-text", "--out", str(table))
    with table.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]
    columns = ("--text", "text", "--codes", "codes", "--id", "note_id", "--subject", "subject_id")
    run("prepare", "table", "--source", str(table), *columns, "--system", "icd9cm", "--out", str(out))
    found = [document for split in ("train", "dev", "test") for document in load_dataset(out).documents(split)]
    assert {one.document_id: (one.subject_id, one.text) for one in found} == {
        one.document_id: (one.subject_id, one.text) for one in notes
    }
    manifest = json.loads((out / "manifest.json").read_text())
    assert "11 ids and notes begin with a quote" in str(manifest)
    added = index_into(url, coder, out, splits=("train", "dev", "test"), store_text=True)
    assert (added.added, added.present) == (0, 4)


def test_the_file_is_private_and_named_in_the_access_log(reviewed: str, tmp_path: Path) -> None:
    """And holds no text unless it is asked for; nothing is left beside it."""
    folder = tmp_path / "tables"
    folder.mkdir()
    run("export-reviews", "--database", reviewed, "--system", "icd9pcs", "--out", str(folder / "t.csv"))
    assert (folder / "t.csv").read_text().splitlines() == [
        '"note_id","subject_id","codes"',
        '"w/1","p1","00.66"',
        '"007","p1",""',
        '"3","3",""',
    ]
    assert (folder / "t.csv").stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == [folder / "t.csv"]
    rows = [row for row in logged(create_engine(reviewed)) if row[1] == "export-reviews"]
    assert rows == [("command-line", "export-reviews", '["w/1","007","3"]', None)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "{f}/t.csv"], "codes of icd9cm, icd9pcs: name one system"),
        (["--system", "icd9cm", "--out", "{f}/notes.sqlite3"], "is there already"),
        (["--system", "icd9cm", "--out", "{f}/absent/t.csv"], "cannot write"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    reviewed: str,
    tmp_path: Path,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2."""
    words = [word.replace("{f}", str(tmp_path)) for word in arguments]
    monkeypatch.setattr("sys.argv", ["icd-coder", "export-reviews", "--database", reviewed, *words])
    with pytest.raises(SystemExit) as stopped:
        icd_coder.main()
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
