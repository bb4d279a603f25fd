"""Titles reworded by rules."""

from random import Random

from training.prepare.icd_titles import IcdTitle
from training.synthetic.phrasing import misspelt, reworded


def test_a_title_is_turned_round_and_abbreviated() -> None:
    """Commas, synonyms and ward abbreviations."""
    forms = reworded(IcdTitle("Ac DVT", "Acute venous embolism due to fracture, right leg"))
    assert "right leg acute venous embolism due to fracture" in forms
    assert "ac. venous embolism d/t fx, R leg" in forms


def test_empty_words_of_the_coders_are_dropped() -> None:
    """Nobody says NOS on a ward."""
    forms = reworded(IcdTitle("Anemia NOS", "Anemia, unspecified"))
    assert forms == ("anemia",)


def test_the_title_itself_is_never_among_the_forms() -> None:
    """In no case of letters either."""
    assert "mitral stenosis" not in reworded(IcdTitle("Mitral stenosis", "Mitral stenosis"))


def test_a_slip_changes_one_long_word() -> None:
    """Short words and abbreviations stay right."""
    for seed in range(50):
        text = misspelt("HTN and pneumonia", Random(seed))
        assert text.startswith("HTN and p")
        assert abs(len(text) - len("HTN and pneumonia")) <= 1
    assert misspelt("CHF", Random(0)) == "CHF"
