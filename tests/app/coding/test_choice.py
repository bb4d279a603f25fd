"""Which codes a prediction lists: from a probability on, of some systems, of some subtrees."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.answers import problem

TEXT = "Testy McTestface: hypertension, diabetes, angioplasty."


def listed(client: TestClient, **asked: Any) -> list[str]:
    answer = client.post("/v1/predict", json={"text": TEXT, **asked}).json()
    assert [code["rank"] for code in answer["codes"]] == list(range(1, len(answer["codes"]) + 1))
    return [code["code"] for code in answer["codes"]]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["250.00", "401.9", "00.66", "428.0"]),
        ({"minimum_probability": 0.5}, ["250.00", "401.9", "00.66"]),
        ({"minimum_probability": 1}, []),
        ({"systems": ["icd9pcs"]}, ["00.66"]),
        ({"include": ["401", "428"]}, ["401.9", "428.0"]),
        ({"include": ["icd9cm:401", "icd9pcs:00"], "systems": ["icd9cm"]}, ["401.9"]),
        ({"exclude": ["250.0"]}, ["401.9", "00.66", "428.0"]),
        ({"exclude": ["250"], "top_k": 1}, ["401.9"]),
        ({"include": ["428"], "exclude": ["428.0"]}, []),
    ],
)
def test_the_answer_lists_what_was_asked_for(client: TestClient, asked: dict[str, Any], expected: list[str]) -> None:
    """The best top_k of those that are left."""
    assert listed(client, **asked) == expected


def test_an_answer_without_a_code_says_why(client: TestClient) -> None:
    """Neighbours are found all the same."""
    answer = client.post("/v1/predict", json={"text": TEXT, "minimum_probability": 1}).json()
    assert any("no code is left" in warning for warning in answer["warnings"])
    assert answer["neighbours"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"include": ["4"]}, "invalid-option"),
        ({"include": ["I21"]}, "invalid-option"),
        ({"systems": ["icd10cm"]}, "invalid-option"),
        ({"systems": []}, "invalid-request"),
        ({"systems": ["icd11"]}, "invalid-request"),
        ({"include": ["Zzyzxcanary in a sentence"]}, "invalid-request"),
        ({"include": ["icd9cm:"]}, "invalid-request"),
        ({"include": "401"}, "invalid-request"),
        ({"minimum_probability": 1.5}, "invalid-request"),
        ({"exclude": ["401"] * 101}, "invalid-request"),
    ],
)
def test_a_choice_that_cannot_be_made_is_a_problem(client: TestClient, asked: dict[str, Any], expected: str) -> None:
    """Before any work is done on the note."""
    answer = client.post("/v1/predict", json={"text": TEXT, **asked})
    assert problem(answer) == (422, expected)
    assert "Zzyzxcanary" not in answer.text


def test_nan_is_no_probability(client: TestClient) -> None:
    """JSON as Python writes it."""
    body = b'{"text": "hypertension", "minimum_probability": NaN}'
    answer = client.post("/v1/predict", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "invalid-request")
