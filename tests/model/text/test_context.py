"""Scopes of negation, family, history: sentence by sentence, and on the hand-made pairs."""

import json
from pathlib import Path

import pytest

from model.text.assertion import NOT_PRESENT, Assertion
from model.text.read_note import ReadNote

PAIRS = json.loads((Path(__file__).parent / "minimal_pairs.json").read_text(encoding="utf-8"))


def assertion_of(text: str, word: str, language: str = "en") -> Assertion:
    note = ReadNote(text, language)
    return Assertion(int(note.contexts[note.words.plain.index(word)]))


@pytest.mark.parametrize(
    ("text", "word", "assertion"),
    [
        ("No fever, chills or pneumonia.", "pneumonia", Assertion.NEGATED),
        ("No fever but pneumonia.", "pneumonia", Assertion(0)),
        ("No fever. Pneumonia.", "pneumonia", Assertion(0)),
        ("There was no increase in effusion.", "effusion", Assertion(0)),
        ("Gram negative sepsis.", "sepsis", Assertion(0)),
        ("CT ruled out pneumonia.", "pneumonia", Assertion.NEGATED),
        ("Pneumonia was ruled out by CT.", "pneumonia", Assertion.NEGATED),
        ("Pneumonia was ruled out by CT.", "ct", Assertion(0)),
        ("Pneumonia ruled out.", "pneumonia", Assertion.NEGATED),
        ("Father with gout.", "gout", Assertion.FAMILY),
        ("History of gout.", "gout", Assertion.HISTORICAL),
        ("Childhood asthma, fully resolved.", "asthma", Assertion.RESOLVED),
        ("Return if you develop a fever.", "fever", Assertion.HYPOTHETICAL),
        ("Mother had no gout.", "gout", Assertion.FAMILY | Assertion.NEGATED),
        ("Family History: gout\nPhysical Exam: rales", "gout", Assertion.FAMILY),
        ("Family History: gout\nPhysical Exam: rales", "rales", Assertion(0)),
        ("No", "no", Assertion(0)),
    ],
)
def test_a_trigger_applies_to_its_words(text: str, word: str, assertion: Assertion) -> None:
    """Forward and backward triggers, false ones, terminations, headings."""
    assert assertion_of(text, word) == assertion


@pytest.mark.parametrize(
    ("text", "word", "assertion"),
    [
        ("No presentaba fiebre ni tos.", "tos", Assertion.NEGATED),
        ("Se descartó neumonía.", "neumonia", Assertion.NEGATED),
        ("Cultivo de tuberculosis negativo.", "tuberculosis", Assertion.NEGATED),
        ("Sin embargo, neumonía.", "neumonia", Assertion(0)),
        ("Padre con gota.", "gota", Assertion.FAMILY),
        ("Antecedentes de gota.", "gota", Assertion.HISTORICAL),
        ("Antecedentes familiares: gota y asma", "asma", Assertion.FAMILY),
    ],
)
def test_spanish_triggers(text: str, word: str, assertion: Assertion) -> None:
    """The same rules with Spanish triggers."""
    assert assertion_of(text, word, "es") == assertion


def test_a_trigger_reaches_a_limited_number_of_words() -> None:
    """A negation holds eight words."""
    note = ReadNote("No " + "word " * 9)
    assert (note.contexts != 0).tolist() == [False] + [True] * 8 + [False]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["other"][:40])
def test_every_hand_made_pair_is_told_apart(pair: dict[str, str]) -> None:
    """The other text has words in a scope that do not say what the patient has; the affirmed one has none."""
    assert not (ReadNote(pair["affirmed"]).contexts & NOT_PRESENT).any()
    assert (ReadNote(pair["other"]).contexts & NOT_PRESENT).any()


def test_a_note_without_words_has_no_contexts() -> None:
    """Shape (0,)."""
    assert ReadNote(" \n").contexts.shape == (0,)
