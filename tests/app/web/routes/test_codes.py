"""Looking codes up over REST."""

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.catalogue.code_tree import CodeTree
from app.catalogue.schemas import CodesQuery
from app.catalogue.service import Catalogue
from app.catalogue.title_search import TitleWords
from model.errors import InvalidOption
from model.labels import Label, LabelSpace
from model.ranking.code_counts import CodeCounts
from model.ranking.thresholds import ThresholdPolicy
from tests.app.answers import problem
from tests.app.fakes import LABELS


def found(client: TestClient, **asked: Any) -> list[str]:
    answer = client.get("/v1/codes", params=asked)
    assert answer.status_code == 200
    return [code["code"] for code in answer.json()["codes"]]


def test_a_code_has_every_field_of_the_contract(client: TestClient) -> None:
    """And the answer says what is known of the policy alone."""
    answer = client.get("/v1/codes", params={"q": "401"}).json()
    assert answer["codes"] == [
        {
            "system": "icd9cm",
            "code": "401.9",
            "title": "Essential hypertension",
            "category": {"code": "401"},
            "parent": {"code": "401"},
            "children": [],
            "train_count": 5,
            "threshold": 0.5,
        }
    ]
    assert (answer["bundle_id"], answer["total"]) == ("b" * 64, 1)
    assert "next_offset" not in answer
    assert answer["policy"] == {"name": "global", "precision": 0.75, "recall": 0.25}
    assert any("before single codes were counted" in warning for warning in answer["warnings"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [label.code for label in LABELS.labels]),
        ({"q": "hyper"}, ["401.9"]),
        ({"q": "HEART fail"}, ["428.0"]),
        ({"q": "4"}, ["401.9", "428.0"]),
        ({"q": "40"}, ["401.9"]),
        ({"q": "0066"}, ["00.66"]),
        ({"q": "00.6"}, ["00.66"]),
        ({"q": "unicorn"}, []),
        ({"q": "%_"}, []),
        ({"system": "icd9pcs"}, ["00.66"]),
        ({"category": "428"}, ["428.0"]),
        ({"q": "e", "category": "401"}, ["401.9"]),
    ],
)
def test_codes_are_found_by_word_beginning_and_category(
    client: TestClient, asked: dict[str, Any], expected: list[str]
) -> None:
    """In the order of the codes."""
    assert found(client, **asked) == expected


def test_pages_hold_every_code_once(client: TestClient) -> None:
    """Each page names where the next begins."""
    codes, offset = [], 0
    while offset is not None:
        page = client.get("/v1/codes", params={"limit": 3, "offset": offset}).json()
        assert page["total"] == 4
        codes += [code["code"] for code in page["codes"]]
        offset = page.get("next_offset")
    assert codes == [label.code for label in LABELS.labels]
    assert found(client, offset=99) == []


def test_the_policy_gives_the_thresholds(client: TestClient) -> None:
    """Each code's own; what was not measured is absent."""
    answer = client.get("/v1/codes", params={"policy": "per-code"}).json()
    assert [code["threshold"] for code in answer["codes"]] == [0.1, 0.2, 0.3, 0.4]
    assert answer["policy"] == {"name": "per-code"}


@pytest.mark.parametrize(
    ("asked", "slug"),
    [
        ({"policy": "best"}, "invalid-option"),
        ({"category": "4"}, "invalid-option"),
        ({"category": "I21"}, "invalid-option"),
        ({"system": "icd10cm"}, "invalid-option"),
        ({"system": "icd11"}, "invalid-request"),
        ({"category": "a b"}, "invalid-request"),
        ({"q": ""}, "invalid-request"),
        ({"q": "x" * 201}, "invalid-request"),
        ({"limit": 0}, "invalid-request"),
        ({"limit": 201}, "invalid-request"),
        ({"limit": "NaN"}, "invalid-request"),
        ({"offset": -1}, "invalid-request"),
        ({"Zzyzxcanary": 1}, "invalid-request"),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_problem(client: TestClient, asked: dict[str, Any], slug: str) -> None:
    """Without an echo of what it does not know."""
    answer = client.get("/v1/codes", params=asked)
    assert problem(answer) == (422, slug)
    assert "Zzyzxcanary" not in answer.text


def test_a_code_tells_its_precision_and_recall_and_what_they_rest_on() -> None:
    """What was never selected has no precision, what was never assigned no recall; only at the global threshold."""
    counts = CodeCounts(40, np.array([0, 1, 3]), np.array([3, 0, 0]), np.array([1, 2, 0]), np.array([5, 0, 4]))
    policies = [ThresholdPolicy("global", 0.5, counts=counts), ThresholdPolicy("per-code", 0.5, np.full(4, 0.2))]
    catalogue = Catalogue("b", CodeTree(LABELS), TitleWords(LABELS), policies, policies[:1])
    answer = catalogue.search(CodesQuery(), reads_notes=True).model_dump(exclude_none=True)
    names = ("precision", "selected_notes", "recall", "assigned_notes")
    told = [{name: code[name] for name in names if name in code} for code in answer["codes"]]
    assert told == [
        {"precision": 0.75, "selected_notes": 4, "recall": 0.375, "assigned_notes": 8},
        {"precision": 0.0, "selected_notes": 2, "assigned_notes": 0},
        {"selected_notes": 0, "assigned_notes": 0},
        {"selected_notes": 0, "recall": 0.0, "assigned_notes": 4},
    ]
    assert (answer["policy"], answer["warnings"]) == ({"name": "global", "notes": 40}, [])
    other = catalogue.search(CodesQuery(policy="per-code"), reads_notes=True)
    assert [code.selected_notes for code in other.codes] == [None] * 4
    assert any("counted at the global threshold" in warning for warning in other.warnings)
    with pytest.raises(InvalidOption):  # of the policies that answer a caller without the scope neighbours
        catalogue.search(CodesQuery(policy="per-code"), reads_notes=False)


def test_frequent_titles_come_first_behind_codes_and_kin_have_titles() -> None:
    """I21 begins three codes and stands in the titles of two others."""
    codes = LabelSpace(
        (
            Label("icd10cm", "I21", "invented infarction", 1),
            Label("icd10cm", "I21.4", "invented part", 1),
            Label("icd10cm", "I21.41", "invented part of a part", 1),
            Label("icd10cm", "K01", "rare, not I21", 2),
            Label("icd10cm", "K02", "frequent, not I21", 9),
        )
    )
    policies = [ThresholdPolicy("global", 0.5, np.full(5, 0.4))]
    catalogue = Catalogue("b", CodeTree(codes), TitleWords(codes), policies, policies)
    page = catalogue.search(CodesQuery(q="i21"), reads_notes=True).codes
    assert [code.code for code in page] == ["I21", "I21.4", "I21.41", "K02", "K01"]
    infarction, part = page[:2]
    assert infarction.parent is None
    assert [(child.code, child.title) for child in infarction.children] == [("I21.4", "invented part")]
    assert part.parent is not None
    assert part.parent.title == part.category.title == "invented infarction"
