"""``icd-coder code --bulk``: one file, one job, its results; found again after Ctrl-C."""

import io
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app.cli.code import bulk
from app.cli.code.bulk import BulkFile, run_bulk
from icd_coder import root
from icd_coder_client import Client, RequestRefused
from model.errors import IcdCoderError, InvalidOption, MissingInput, OutputExists
from tests.app.answers import through, wait_until_ready
from tests.app.fakes import FakeCoder
from tests.app.jobs.job_files import job_file

ADDRESS = "http://127.0.0.1:8000"


def nothing(_seconds: float) -> None:
    """No pause."""


@pytest.fixture
def service(client: TestClient) -> Client:
    return Client(ADDRESS, transport=through(client), sleep=nothing)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file of notes, one of which cannot be coded."""
    path = tmp_path / "notes.jsonl"
    path.write_bytes(job_file(8))
    return path


def test_results_are_written_beside_and_renamed(
    service: Client, notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the owner alone; the same file is the same job, also as a table; what failed is counted."""
    run_bulk(service, BulkFile.read(notes, tmp_path / "answers.jsonl", None))
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"note {i}" for i in range(8)]
    assert (tmp_path / "answers.jsonl").stat().st_mode & 0o777 == 0o600
    assert "8 notes, 1 of them with a problem" in capsys.readouterr().err
    run_bulk(service, BulkFile.read(notes, tmp_path / "answers.CSV", None))
    assert (tmp_path / "answers.CSV").read_text().startswith("line,id,rank,")
    assert len(service.jobs().jobs) == 1


def test_results_on_standard_output(
    service: Client, notes: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """As they are in the file."""
    run_bulk(service, BulkFile.read(notes, None, None))
    run_bulk(service, BulkFile.read(notes, tmp_path / "answers.jsonl", None))
    assert capsysbinary.readouterr().out == (tmp_path / "answers.jsonl").read_bytes()


def test_ctrl_c_ends_the_waiting_and_not_the_job(
    service: Client,
    client: TestClient,
    coder: FakeCoder,
    notes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same command finds the job again."""
    wait_until_ready(client, coder)
    coder.gate.clear()

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    impatient = Client(ADDRESS, transport=through(client), sleep=interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_bulk(impatient, BulkFile.read(notes, tmp_path / "a.jsonl", None))
    finally:
        coder.gate.set()
    (job,) = service.jobs().jobs
    assert f"the job {job.job_id} continues" in capsys.readouterr().err
    assert not (tmp_path / "a.jsonl").exists()
    run_bulk(service, BulkFile.read(notes, tmp_path / "a.jsonl", None))
    assert len(service.jobs().jobs) == 1


def test_a_cancelled_job_is_named(service: Client, client: TestClient, coder: FakeCoder, notes: Path) -> None:
    """With the ways out."""
    wait_until_ready(client, coder)
    file = BulkFile.read(notes, None, None)
    coder.gate.clear()
    try:
        job = service.submit_job(file.body, file.key)
        assert service.cancel_job(job.job_id).state == "cancelled"
    finally:
        coder.gate.set()
    with pytest.raises(InvalidOption, match=f"{job.job_id} was cancelled after 0 of 8 notes: .*--idempotency-key"):
        run_bulk(service, file)
    assert service.delete_job(job.job_id).results == 0
    with pytest.raises(RequestRefused, match="no job with this id"):
        service.write_job_results(job.job_id, io.BytesIO())


def test_what_cannot_be_handed_in_is_named_first(notes: Path, tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(MissingInput, match=r"absent\.jsonl' cannot be read"):
        BulkFile.read(tmp_path / "absent.jsonl", None, None)
    with pytest.raises(OutputExists, match="is there already"):
        BulkFile.read(notes, notes, None)
    for word in ("", "two words", "ü", "x" * 201):
        with pytest.raises(InvalidOption, match="--idempotency-key cannot be used"):
            BulkFile.read(notes, None, word)
    assert BulkFile.read(notes, None, "ward-3").key == "ward-3"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--server", ADDRESS, "--bulk", "n", "note.txt"], "paths cannot be given with --bulk"),
        (["--server", ADDRESS, "--bulk", "n", "--top-k", "3", "--policy", "global"], "policy, top_k cannot be given"),
        (["--bulk", "n"], "--bulk needs a service"),
        (["--bundle", "b", "--bulk", "n"], "bundle cannot be given"),
        (["--server", ADDRESS, "--bulk", "absent.jsonl"], "'absent.jsonl' cannot be read"),
        (["--server", ADDRESS, "--out", "x", "note.txt"], "go with --bulk"),
        (["--server", ADDRESS], "no note is named"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence each."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(root, ["code", *options])
    assert isinstance(result.exception, IcdCoderError)
    assert words in str(result.exception)


def test_the_verb_drives_a_job(
    client: TestClient, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file to its results."""
    monkeypatch.setattr("app.cli.code.remote.Client", lambda url, key: Client(url, key, transport=through(client)))
    monkeypatch.setattr(bulk, "POLL_SECONDS", 0.01)
    out = tmp_path / "answers.jsonl"
    result = CliRunner().invoke(root, ["code", "--server", ADDRESS, "--bulk", str(notes), "--out", str(out)])
    assert result.exit_code == 0, result.exception
    assert len(out.read_bytes().splitlines()) == 8
