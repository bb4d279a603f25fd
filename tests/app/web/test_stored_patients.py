"""Who is stored cannot be told by what changes in the answers of a key without the scope neighbours."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.access.gate import KeyGate
from app.access.scopes import Scope
from app.coding.service import RANKED_ALONE
from app.database.engine import write
from app.database.tables import JobItem
from model.icd import Code
from model.prediction import CodedNote
from model.ranking.audit import AuditedNote
from tests.app.access.fake_identity_provider import settings_of, token
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.fakes import FakeCoder
from tests.app.fhir.documents import HEADERS, document
from tests.app.jobs.job_files import SENT, ended

TEXT = "Invented Person, hypertension and diabetes."
SUBJECTS = ["p1", "p2", "nobody-here", None]
"""Two stored patients, one that is not, and none at all."""
CODES = [{"code": "401.9"}]


class VotingCoder(FakeCoder):
    """Its probabilities and its doubt move with every stored note that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.uses_neighbours = True
        self.searches = 0

    def predict(self, *arguments: Any, **options: Any) -> list[CodedNote]:
        self.received_neighbours = []
        notes = super().predict(*arguments, **options)
        self.searches += bool(self.received_neighbours)
        votes = self._votes()
        return [
            replace(
                note,
                codes=tuple(
                    replace(code, probability=code.probability - 0.001 * votes[Code(code.system, code.code)])
                    for code in note.codes
                ),
            )
            for note in notes
        ]

    def audit(self, *arguments: Any, **options: Any) -> AuditedNote:
        self.received_neighbours = []
        found = super().audit(*arguments, **options)
        self.searches += bool(self.received_neighbours)
        return replace(found, audit=replace(found.audit, false_negative_rate=0.1 + 0.01 * self._votes().total()))

    def _votes(self) -> Counter[Code]:
        return Counter(code for neighbour in self.received_neighbours for code in neighbour.codes)


@pytest.fixture
def voting() -> VotingCoder:
    return VotingCoder()


@pytest.fixture
def keyed(tmp_path: Path, voting: VotingCoder) -> Iterator[tuple[TestClient, KeyGate]]:
    app, gate = keyed_app(indexed_database(tmp_path, voting), voting, **settings_of(tmp_path))
    with TestClient(app) as client:
        yield client, gate


Ask = Callable[[TestClient, str, str | None], str]


def named(subject: str | None) -> dict[str, str]:
    return {} if subject is None else {"subject_id": subject}


def by_json(client: TestClient, key: str, subject: str | None) -> str:
    return text_of(client.post("/v1/predict", json={"text": TEXT, **named(subject)}, headers=bearer(key)))


def by_csv(client: TestClient, key: str, subject: str | None) -> str:
    headers = {**bearer(key), "Accept": "text/csv"}
    return text_of(client.post("/v1/predict", json={"text": TEXT, **named(subject)}, headers=headers))


def by_fhir(client: TestClient, key: str, subject: str | None) -> str:
    patient = {} if subject is None else {"subject": {"reference": f"Patient/{subject}"}}
    content = json.dumps(document(TEXT, **patient))
    answer = text_of(client.post("/v1/predict", content=content, headers={**HEADERS, **bearer(key)}))
    found: list[Any] = re.findall(r'"(?:valueDecimal|probability)": ?[^,}]*', answer)
    assert found
    return json.dumps(found)  # the rest repeats the patient that was sent


def by_batch(client: TestClient, key: str, subject: str | None) -> str:
    return text_of(
        client.post("/v1/predict/batch", json={"items": [{"text": TEXT, **named(subject)}]}, headers=bearer(key))
    )


def by_audit(client: TestClient, key: str, subject: str | None) -> str:
    return text_of(client.post("/v1/audit", json={"text": TEXT, "codes": CODES, **named(subject)}, headers=bearer(key)))


def by_job(client: TestClient, key: str, subject: str | None) -> str:
    headers = {**SENT, **bearer(key), "Idempotency-Key": uuid4().hex}
    line = json.dumps({"id": "a", "text": TEXT, **named(subject)})
    job = client.post("/v1/jobs", content=line, headers=headers).json()["job_id"]
    ended(client, job, headers=bearer(key))
    return text_of(client.get(f"/v1/jobs/{job}/results", headers=bearer(key)))


def text_of(answer: Any) -> str:
    """Without what differs between any two answers."""
    assert answer.status_code == 200, answer.text
    return re.sub(r'"(timings_ms)": ?\{[^}]*\}', "", answer.text)


FORMS = [by_json, by_csv, by_fhir, by_batch, by_audit, by_job]


@pytest.mark.parametrize("ask", FORMS)
def test_without_the_scope_every_patient_gets_one_answer(
    keyed: tuple[TestClient, KeyGate], voting: VotingCoder, ask: Ask
) -> None:
    """Stored or not, for a key and for a token with all other scopes; no stored note is read, and no row is written."""
    client, gate = keyed
    others = frozenset(Scope) - {Scope.NEIGHBOURS}
    for key in (make_key(gate, Scope.PREDICT), token(scope=" ".join(sorted(others)))):
        answers = {ask(client, key, subject) for subject in SUBJECTS}
        assert len(answers) == 1
    assert voting.searches == 0
    assert not any("predict" in action or "audit" in action for _, action, *_ in logged(gate.engine))


@pytest.mark.parametrize("ask", FORMS)
def test_with_the_scope_the_ranker_reads_the_notes_of_others(
    keyed: tuple[TestClient, KeyGate], voting: VotingCoder, ask: Ask
) -> None:
    """So the coder above tells a patient where it may, and the answer does not say that it was ranked alone."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT, Scope.NEIGHBOURS)
    answers = {subject: ask(client, key, subject) for subject in SUBJECTS}
    assert answers["p1"] != answers["nobody-here"]
    assert voting.searches > 0
    assert not any(RANKED_ALONE in answer for answer in answers.values())


@pytest.mark.parametrize("ask", [by_json, by_batch, by_audit, by_job])
def test_the_answer_says_that_it_was_ranked_alone(keyed: tuple[TestClient, KeyGate], ask: Ask) -> None:
    """With the scope that is missing."""
    client, gate = keyed
    assert RANKED_ALONE in ask(client, make_key(gate, Scope.PREDICT), None)


def test_nothing_is_said_where_no_stored_note_would_be_read(tmp_path: Path) -> None:
    """By a ranker without neighbours, or without a database."""
    plain = FakeCoder()
    app, gate = keyed_app(indexed_database(tmp_path, plain), plain)
    with TestClient(app) as client:
        assert RANKED_ALONE not in by_json(client, make_key(gate, Scope.PREDICT), "p1")


def test_a_job_that_an_earlier_version_stored_is_ranked_alone(
    keyed: tuple[TestClient, KeyGate], voting: VotingCoder
) -> None:
    """Its line does not say what its caller may see."""
    client, gate = keyed
    voting.gate.clear()
    key = make_key(gate, Scope.PREDICT, Scope.NEIGHBOURS)
    headers = {**SENT, **bearer(key), "Idempotency-Key": "k1"}
    lines = "\n".join(json.dumps({"id": name, "text": TEXT}) for name in "ab")
    job = client.post("/v1/jobs", content=lines, headers=headers).json()["job_id"]
    assert voting.entered.acquire(timeout=10)  # the first is being coded
    with write(gate.engine) as connection:
        earlier = json.dumps({"text": TEXT, "neighbours": 0})
        connection.execute(JobItem.__table__.update().where(JobItem.sequence == 2).values(request=earlier))  # type: ignore[attr-defined]
    voting.gate.set()
    ended(client, job, headers=bearer(key))
    first, second = client.get(f"/v1/jobs/{job}/results", headers=bearer(key)).text.splitlines()
    assert RANKED_ALONE not in first
    assert RANKED_ALONE in second
