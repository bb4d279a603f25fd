"""What is known about a code before a note is read."""

import math
from typing import Any

import numpy as np

from model.labels import Label, LabelSpace
from model.ranking.code_prior import NAMES, prior_channel

CODES = [
    ("icd10cm", "A04", "Other bacterial intestinal infections", 0),
    ("icd10cm", "A04.7", "Enterocolitis due to Clostridium difficile", 1),
    ("icd10cm", "A04.71", "Enterocolitis, recurrent", 3),
    ("icd10cm", "A04.72", "Enterocolitis, not specified as recurrent", 0),
    ("icd10cm", "A04.9", "Bacterial intestinal infection, unspecified", 6),
    ("icd10cm", "A09", "Infectious gastroenteritis", 1),
    ("icd10cm", "B99", "Other infectious diseases", 0),
    ("icd9cm", "004.9", "Shigellosis", 2),
]
SPACE = LabelSpace(tuple(Label(*code) for code in CODES))


def slow_twin(place: int, documents: int) -> dict[str, Any]:
    """Counted by comparing strings, one code with all others."""
    system, code, title, count = CODES[place]
    others = [other for number, other in enumerate(CODES) if other[0] == system and number != place]

    def share(total: int) -> float:
        return math.log((total + 0.5) / (documents + 1))

    category = [other for other in others if other[1].split(".")[0] == code.split(".")[0]]
    stem = code[:5] if "." in code else code + "."
    near = [other for other in others if "." in code and other[1][:5] == stem]
    initial = [other for other in others if other[1][0] == code[0]]
    once = sum(other[3] == 1 for other in initial) + (count == 1)
    return {
        "prior.log_share": share(count),
        "prior.category_share": share(sum(other[3] for other in category)),
        "prior.subcategory_share": share(sum(other[3] for other in near)),
        "prior.initial_share": share(sum(other[3] for other in initial) + count),
        "prior.initial_once": math.log((once + 0.5) / (len(initial) + 1)),
        "prior.category_codes": sum(other[3] > 0 for other in category) + (count > 0),
        "prior.category_size": math.log2(len(category) + 1),
        "prior.characters": len(code),
        "prior.unspecified": "unspecified" in title or code.endswith("9"),
        "prior.leaf": not any(other[1].startswith(code) for other in others),
    }


def test_every_feature_is_what_a_count_by_hand_says() -> None:
    """For each code of two systems; a code without a training note has finite numbers."""
    found = prior_channel(SPACE, 20).features
    assert found.names == NAMES
    for place in range(len(CODES)):
        expected = slow_twin(place, 20)
        for name, value in zip(NAMES, found.values[place].tolist(), strict=True):
            assert math.isclose(value, expected[name], rel_tol=1e-6), (CODES[place], name)


def test_it_speaks_of_all_codes_and_proposes_none() -> None:
    """Nobody is a candidate because others had the code."""
    found = prior_channel(SPACE, 20)
    assert found.features.columns.tolist() == list(range(len(CODES)))
    assert found.proposals.size == 0
    assert prior_channel(LabelSpace(()), 20).features.values.shape == (0, len(NAMES))


def test_the_order_of_the_codes_changes_nothing() -> None:
    """A code set is not sorted: the label space comes first."""
    order = [5, 0, 7, 3, 1, 6, 2, 4]
    mixed = prior_channel(LabelSpace(tuple(SPACE[place] for place in order)), 20).features.values
    np.testing.assert_array_equal(mixed, prior_channel(SPACE, 20).features.values[order])
