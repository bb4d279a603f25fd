"""The ranker gets its neighbours by the same rules as the answer does."""

from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.settings import load_settings
from app.web.application import create_app
from tests.app.fakes import LABELS, NOTES, FakeCoder

TEXT = "Testy McTestface, hypertension and diabetes."


def test_the_ranker_gets_all_neighbours_and_the_answer_the_requested_number(
    client: TestClient, coder: FakeCoder
) -> None:
    """Nearest first with their codes; the test split's note is none of them."""
    coder.uses_neighbours = True
    answer = client.post("/v1/predict", json={"text": TEXT, "neighbours": 1}).json()
    assert len(coder.received_neighbours) == 3
    similarities = [neighbour.similarity for neighbour in coder.received_neighbours]
    assert similarities == sorted(similarities, reverse=True)
    codes = {code for neighbour in coder.received_neighbours for code in neighbour.codes}
    assert codes <= {label.key for label in LABELS.labels}
    assert [note["similarity"] for note in answer["neighbours"]] == similarities[:1]


def test_notes_of_the_same_patient_are_excluded_from_the_ranker_too(client: TestClient, coder: FakeCoder) -> None:
    """Neither when the request names the patient nor when it names a stored note; also without neighbours to show."""
    coder.uses_neighbours = True
    client.post("/v1/predict", json={"text": TEXT, "subject_id": "p1", "neighbours": 0})
    assert [neighbour.codes for neighbour in coder.received_neighbours] == [frozenset(NOTES[2].codes)]
    client.post("/v1/predict", json={"note_id": "n1", "neighbours": 0})
    assert [neighbour.codes for neighbour in coder.received_neighbours] == [frozenset(NOTES[2].codes)]


def test_without_a_database_the_ranker_gets_no_neighbours_and_the_answer_says_so(coder: FakeCoder) -> None:
    """An empty list would say that there are no similar notes."""
    coder.uses_neighbours = True
    with TestClient(create_app(load_settings(database=None), coder, OpenGate())) as client:
        answer = client.post("/v1/predict", json={"text": TEXT}).json()
    assert coder.received_neighbours == []
    assert any("no database" in warning for warning in answer["warnings"])
