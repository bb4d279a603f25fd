"""Words of titles by their beginnings, beside a loop over all titles."""

import re

import pytest

from app.catalogue.title_search import TitleWords, folded_words
from model.labels import Label, LabelSpace

TITLES = [
    "Essential hypertension, unspecified",
    "Secondary HYPERTENSION",
    "Insuficiencia cardíaca (congénita)",
    "Cardiac failure, left-sided",
    "Type 2 diabetes with fictional_trait",
    "",
]
CODES = LabelSpace(tuple(Label("icd10cm", f"A{number:02d}", title) for number, title in enumerate(TITLES)))


@pytest.mark.parametrize(
    "asked", ["hyper", "HYPERTENSION sec", "cardia", "cardíaca", "card left", "trait", "2", "tension", "zz", "", "()"]
)
def test_every_word_begins_a_word_of_the_title(asked: str) -> None:
    """In any order, without case and accents."""
    starts = re.findall(r"[^\W_]+", asked.lower().replace("í", "i"))
    slow = [
        column
        for column, title in enumerate(TITLES)
        if starts
        and all(
            any(word.startswith(start) for word in re.split(r"[\W_]+", title.lower().replace("í", "i")))
            for start in starts
        )
    ]
    assert TitleWords(CODES).columns(asked).tolist() == slow


def test_words_are_folded() -> None:
    """Letters with marks become plain ones."""
    assert folded_words("Übelkeit, ÉTAT-2") == ["ubelkeit", "etat", "2"]
