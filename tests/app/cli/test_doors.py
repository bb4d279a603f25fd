"""Every door takes the same notes and codes: what one refuses, all refuse, and none repeats it."""

import base64
import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from typer.testing import Result

from app.access.gate import OpenGate
from app.database.engine import open_engine
from app.database.tables import Note
from app.settings import load_settings
from app.web.application import create_app
from icd_coder_client import Client
from model.dataset import Document
from model.errors import IcdCoderError
from tests.app.answers import through
from tests.app.fakes import CANARY, LABELS, FakeCoder, index_into, write_dataset
from tests.app.jobs.job_files import submit

LONGEST = 3000
"""Characters of a note; of a file of `index` it is the model's own limit, which the service may lower."""
BAD_NOTES = {
    "NUL": f"{CANARY}\0",
    "surrogate": f"{CANARY}\ud800",
    "too long": f"{CANARY} " * 300_000,
    "blank": " \r\n\t",
    "empty": "",
    "rich text": f"{{\\rtf1\\ansi {CANARY}}}",
    "PDF": f"%PDF-1.7 {CANARY}",
}
Door = Callable[[str], str]
"""Sends a text and returns what is said to it; "" where it was taken."""


@pytest.fixture
def limited(indexed: str, coder: FakeCoder, logs: StringIO) -> Iterator[TestClient]:
    """A service that takes notes of LONGEST characters, and bodies of any length."""
    settings = load_settings(database=indexed, max_characters=LONGEST, max_body_bytes=20_000_000)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        yield client


def posted(client: TestClient, route: str, body: Any, **headers: str) -> str:
    """The problem in the answer, or the first of its items; ``json.dumps`` writes a surrogate as an escape."""
    sent = {"Content-Type": "application/json"} | headers
    answer = client.post(route, content=json.dumps(body).encode(), headers=sent)
    told = answer.json()
    if route.endswith("/batch"):
        (result,) = told["results"]
        return json.dumps(result["problem"]) if "problem" in result else ""
    return answer.text if answer.status_code >= 400 else ""


@pytest.fixture
def doors(
    limited: TestClient,
    invoke: Callable[..., Result],
    coder: FakeCoder,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Door]:
    """Each by its name."""
    codes = [{"system": "icd9cm", "code": "401.9"}]
    monkeypatch.setattr("app.cli.code.remote.Client", lambda url, key: Client(url, key, transport=through(limited)))

    def job(text: str) -> str:
        answer = submit(limited, json.dumps({"id": "a", "text": text}).encode(), key="bad")
        return answer.text if answer.status_code >= 400 else ""

    def fhir(text: str) -> str:
        data = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
        attachment = {"contentType": "text/plain", "data": data}
        resource = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
        return posted(limited, "/v1/predict", resource, **{"Content-Type": "application/fhir+json"})

    def run(*arguments: str, stdin: bytes | None = None) -> str:
        try:
            return "" if invoke(*arguments, stdin=stdin).exit_code == 0 else "failed"
        except IcdCoderError as error:
            return str(error)

    def file(text: str, *arguments: str) -> str:
        (tmp_path / "note").mkdir(exist_ok=True)
        (tmp_path / "note" / "a.txt").write_bytes(text.encode("utf-8", "surrogatepass"))
        return run("code", *arguments, "--max-characters", str(LONGEST), "note")

    def index(text: str) -> str:
        data = tmp_path / f"data{len(list(tmp_path.glob('data*')))}"
        try:
            index_into(url, coder, write_dataset(data, [Document("bad", "p", "train", text, (LABELS[0].key,))]))
        except IcdCoderError as error:
            return str(error)
        except UnicodeEncodeError:
            return "parquet cannot hold it"
        return ""

    return {
        "predict": lambda text: posted(limited, "/v1/predict", {"text": text}),
        "predict/batch": lambda text: posted(limited, "/v1/predict/batch", {"items": [{"text": text}]}),
        "neighbours": lambda text: posted(limited, "/v1/neighbours", {"text": text}),
        "audit": lambda text: posted(limited, "/v1/audit", {"text": text, "codes": codes}),
        "notes": lambda text: posted(limited, "/v1/notes", {"note_id": "bad", "text": text, "codes": codes}),
        "jobs": job,
        "FHIR": fhir,
        "code FOLDER": lambda text: file(text, "--bundle", "b"),
        "code -": lambda text: run(
            "code", "--bundle", "b", "--max-characters", str(LONGEST), "-", stdin=text.encode("utf-8", "surrogatepass")
        ),
        "code --server": lambda text: file(text, "--server", "http://127.0.0.1:1"),
        "index": index,
    }


@pytest.mark.parametrize("what", BAD_NOTES)
def test_no_door_takes_a_note_that_is_none(doors: dict[str, Door], coder: FakeCoder, url: str, what: str) -> None:
    """Nothing is coded or stored, and no word of it is in the answer."""
    coder.texts.clear()
    before = stored(url)
    told = {name: send(BAD_NOTES[what]) for name, send in doors.items()}
    assert [name for name, answer in told.items() if not answer] == []
    assert [name for name, answer in told.items() if CANARY in answer] == []
    assert [text for text in coder.texts if "No complaints" not in text] == []  # but for the warm-up
    assert stored(url) == before


def test_every_door_takes_a_note(doors: dict[str, Door], coder: FakeCoder) -> None:
    """So the doors of this test are open."""
    assert {name: send("Invented hypertension.") for name, send in doors.items()} == dict.fromkeys(doors, "")


SPELLINGS = ["401.9", "4019", " 401.9", "401.9.", "401.9 ", "\uff14\uff10\uff11.9", "401\u200b.9"]
NO_CODES = ["40.19", "4.019", "41.49", "I10.", f"{CANARY}", f"{CANARY} pain", "", "NULL", "401..9", "401,9"]


@pytest.fixture
def code_doors(limited: TestClient) -> dict[str, Callable[[str], str]]:
    """Where a code of icd9cm is written by hand, for the stored note n1."""

    def sent(route: str, body: dict[str, Any]) -> Callable[[str], str]:
        def send(code: str) -> str:
            spelled = json.loads(json.dumps(body).replace('"CODE"', json.dumps(code)))
            return posted(limited, route, spelled)

        return send

    one = {"system": "icd9cm", "code": "CODE"}
    return {
        "audit": sent("/v1/audit", {"text": "Invented hypertension.", "codes": [one]}),
        "notes": sent("/v1/notes", {"note_id": "spelled", "text": "Invented hypertension.", "codes": [one]}),
        "reviews": sent("/v1/reviews", {"note_id": "n1", "actions": [{"action": "accept", **one}]}),
    }


@pytest.mark.parametrize("code", SPELLINGS)
def test_every_door_reads_the_spellings_of_a_code(code_doors: dict[str, Callable[[str], str]], code: str) -> None:
    """As ``prepare`` does."""
    assert {name: send(code) for name, send in code_doors.items()} == dict.fromkeys(code_doors, "")


@pytest.mark.parametrize("code", NO_CODES)
def test_no_door_takes_what_is_no_code_of_the_system(code_doors: dict[str, Callable[[str], str]], code: str) -> None:
    """A dot is believed, and a piece that may be words of a note is not repeated."""
    told = {name: send(code) for name, send in code_doors.items()}
    assert [name for name, answer in told.items() if not answer] == []
    assert [name for name, answer in told.items() if CANARY in answer] == []


def stored(url: str) -> int:
    with open_engine(url).connect() as connection:
        return connection.scalar(select(func.count()).select_from(Note)) or 0
