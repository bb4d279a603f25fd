"""A real bundle, a real server: index, serve, code, stop."""

import json
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.database.engine import default_url, migrate
from app.inference.worker import load_coder
from app.neighbours.index import open_index
from app.neighbours.search import Excluded, SearchQuery
from icd_coder import root
from model.dataset import Document
from model.errors import MissingInput
from model.icd import Code
from tests.app.fakes import CANARY, index_into, write_dataset
from tests.app.server_process import ROOT, command, serving
from tests.factories import NOTE, SHORT_NOTE, save_tiny_bundle

DOCUMENTS = [
    Document("a1", "s1", "train", f"{NOTE} {CANARY}", (Code("icd9cm", "428.0"), Code("icd9cm", "401.9"))),
    Document("a2", "s1", "train", f"{NOTE} Second stay.", (Code("icd9cm", "428.0"),)),
    Document("a3", "s2", "train", SHORT_NOTE, (Code("icd9cm", "E888.9"),)),
    Document("t1", "s3", "test", "A unicorn bite, invented.", (Code("icd9cm", "999.9"),)),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle with its database beside it, indexed by the command line."""
    folder = tmp_path_factory.mktemp("real")
    save_tiny_bundle(folder / "bundle")
    write_dataset(folder / "data", DOCUMENTS)
    done = run("index", "--bundle", str(folder / "bundle"), "--data", str(folder / "data"))
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stderr
    return folder / "bundle"


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*arguments), cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{address}/v1/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own server
        answer: dict[str, Any] = json.load(response)
    return answer


def test_a_server_answers_as_code_does_and_stops_at_sigterm(bundle: Path, tmp_path: Path) -> None:
    """Neighbours, evidence and codes are the same; no note text is logged; the exit status is 0."""
    with serving(bundle, tmp_path / "log", "--no-auth") as (server, address):
        answer = post(address, {"text": DOCUMENTS[0].text})
        named = post(address, {"text": DOCUMENTS[0].text, "subject_id": "s1"})
        planted = post(address, {"text": DOCUMENTS[3].text, "neighbours": 50})
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    best = answer["neighbours"][0]
    assert best["note_id"] == "a1"
    assert best["similarity"] >= 0.999
    assert [neighbour["note_id"] for neighbour in named["neighbours"]] == ["a3"]
    assert {neighbour["note_id"] for neighbour in planted["neighbours"]} == {"a1", "a2", "a3"}
    spans = [span for code in answer["codes"] for span in code["evidence"]]
    assert spans
    assert all(DOCUMENTS[0].text[span["start"] : span["end"]] == span["text"] for span in spans)
    log = (tmp_path / "log").read_text()
    assert CANARY not in log
    assert "Traceback" not in log
    assert all(json.loads(line)["event"] for line in log.splitlines())

    arguments = ["code", "--bundle", str(bundle), "--database", default_url(bundle), "--format", "jsonl", "-"]
    coded = CliRunner().invoke(root, arguments, input=DOCUMENTS[0].text)
    line = json.loads(coded.stdout)
    assert {**line, "timings_ms": None} == {"id": "stdin", **answer, "timings_ms": None}


def test_keys_made_beside_a_running_server_open_it(bundle: Path, tmp_path: Path) -> None:
    """Until they are revoked; the log of it all is whole."""
    database = ("--database", default_url(bundle))
    with serving(bundle, tmp_path / "log") as (_server, address):
        made = run("keys", "create", "--name", "x", "--scopes", "neighbours", *database)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        body = json.dumps({"note_id": "a1"}).encode()
        asked = urllib.request.Request(f"{address}/v1/neighbours", body, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(asked, timeout=30) as response:  # noqa: S310 - our own server
            assert [note["note_id"] for note in json.load(response)["neighbours"]] == ["a3"]
        assert run("keys", "revoke", key.split("_")[1], *database).returncode == 0
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(asked, timeout=30)  # noqa: S310 - our own server
        refused.value.close()
    assert key[21:] not in (tmp_path / "log").read_text()
    verified = run("verify-log", "--anchor", str(tmp_path / "anchor"), *database)
    assert (verified.returncode, verified.stdout.startswith("whole: ")) == (0, True)


def test_ctrl_c_stops_the_server_without_a_traceback(bundle: Path, tmp_path: Path) -> None:
    """As for any command."""
    with serving(bundle, tmp_path / "log", "--no-auth") as (server, _address):
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_bad_note_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """No traceback; the bundle is not even opened."""
    done = run("code", "--bundle", str(tmp_path / "absent"), "-", stdin=b"\xff")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("icd-coder: standard input")
    assert "is not UTF-8" in done.stderr


def test_a_bundle_that_is_missing_leaves_no_database(tmp_path: Path) -> None:
    """Nothing is made before everything was read."""
    write_dataset(tmp_path / "data")
    arguments = ["index", "--bundle", str(tmp_path / "bundle"), "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(root, arguments)
    assert isinstance(done.exception, MissingInput)
    assert "is no bundle" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_stored_document_of_a_real_bundle_finds_itself(tmp_path: Path) -> None:
    """Similarity at least 0.999 at rank 1 for every stored text, after float16."""
    save_tiny_bundle(tmp_path / "bundle")
    coder = load_coder(tmp_path / "bundle")
    url = default_url(tmp_path / "bundle")
    migrate(url)
    index_into(url, coder, write_dataset(tmp_path / "data", DOCUMENTS))
    index = open_index(url, coder.embedding_id, coder.embedding_dim)
    for document in DOCUMENTS[:3]:
        best = index.find(SearchQuery(coder.predict([document.text])[0].embedding), 1, Excluded())[0]
        assert best.note_id == document.document_id
        assert best.similarity >= 0.999


def test_interrupting_index_leaves_whole_batches(bundle: Path, tmp_path: Path) -> None:
    """Ctrl-C during a long run; the next run ends it."""
    documents = [Document(f"d{i}", f"s{i}", "train", f"{NOTE} {i}", ()) for i in range(64)]
    write_dataset(tmp_path / "data", documents)
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    arguments = command("index", "--bundle", str(bundle), "--data", str(tmp_path / "data"), "--database", url)
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as indexer:
        deadline = time.monotonic() + 60
        while stored(tmp_path) == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        indexer.send_signal(signal.SIGINT)
        assert indexer.stderr is not None
        assert b"Traceback" not in indexer.stderr.read()
    part = stored(tmp_path)
    assert 0 < part <= len(documents)
    assert part % 16 == 0
    again = index_into(url, load_coder(bundle), tmp_path / "data")
    assert (again.added, again.present) == (64 - part, part)


def stored(folder: Path) -> int:
    """Embeddings in the database, 0 before it has tables."""
    file = folder / "notes.sqlite3"
    if not file.exists() or file.stat().st_size == 0:
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'embeddings'").fetchone()[0]
        return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0]) if tables else 0
