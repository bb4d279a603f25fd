"""Scopes of negation, family, history: sentence by sentence, and on the hand-made pairs."""

import json
from pathlib import Path

import pytest

from model.text.assertion import UNSAID, Scope
from model.text.read_note import read_note

PAIRS = json.loads((Path(__file__).parent / "minimal_pairs.json").read_text(encoding="utf-8"))


def scope_of(text: str, word: str, language: str = "en") -> Scope:
    note = read_note(text, language)
    return Scope(int(note.contexts[note.words.plain.index(word)]))


@pytest.mark.parametrize(
    ("text", "word", "scope"),
    [
        ("No fever, chills or pneumonia.", "pneumonia", Scope.NEGATED),
        ("No fever but pneumonia.", "pneumonia", Scope(0)),
        ("No fever. Pneumonia.", "pneumonia", Scope(0)),
        ("There was no increase in effusion.", "effusion", Scope(0)),
        ("Gram negative sepsis.", "sepsis", Scope(0)),
        ("CT ruled out pneumonia.", "pneumonia", Scope.NEGATED),
        ("Pneumonia was ruled out by CT.", "pneumonia", Scope.NEGATED),
        ("Pneumonia was ruled out by CT.", "ct", Scope(0)),
        ("Pneumonia ruled out.", "pneumonia", Scope.NEGATED),
        ("Father with gout.", "gout", Scope.FAMILY),
        ("History of gout.", "gout", Scope.HISTORICAL),
        ("Childhood asthma, fully resolved.", "asthma", Scope.RESOLVED),
        ("Return if you develop a fever.", "fever", Scope.HYPOTHETICAL),
        ("Mother had no gout.", "gout", Scope.FAMILY | Scope.NEGATED),
        ("Family History: gout\nPhysical Exam: rales", "gout", Scope.FAMILY),
        ("Family History: gout\nPhysical Exam: rales", "rales", Scope(0)),
        ("No", "no", Scope(0)),
    ],
)
def test_a_scope_holds_what_it_says(text: str, word: str, scope: Scope) -> None:
    """Forward and backward triggers, false ones, ends of scopes, headings."""
    assert scope_of(text, word) == scope


@pytest.mark.parametrize(
    ("text", "word", "scope"),
    [
        ("No presentaba fiebre ni tos.", "tos", Scope.NEGATED),
        ("Se descartó neumonía.", "neumonia", Scope.NEGATED),
        ("Cultivo de tuberculosis negativo.", "tuberculosis", Scope.NEGATED),
        ("Sin embargo, neumonía.", "neumonia", Scope(0)),
        ("Padre con gota.", "gota", Scope.FAMILY),
        ("Antecedentes de gota.", "gota", Scope.HISTORICAL),
        ("Antecedentes familiares: gota y asma", "asma", Scope.FAMILY),
    ],
)
def test_spanish_scopes(text: str, word: str, scope: Scope) -> None:
    """The same rules with Spanish triggers."""
    assert scope_of(text, word, "es") == scope


def test_a_scope_ends_after_its_reach() -> None:
    """A negation holds eight words."""
    note = read_note("No " + "word " * 9)
    assert (note.contexts != 0).tolist() == [False] + [True] * 8 + [False]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["other"][:40])
def test_every_hand_made_pair_is_told_apart(pair: dict[str, str]) -> None:
    """The other text has words in a scope that do not say what the patient has; the affirmed one has none."""
    assert not (read_note(pair["affirmed"]).contexts & UNSAID).any()
    assert (read_note(pair["other"]).contexts & UNSAID).any()


def test_a_note_without_words_has_no_contexts() -> None:
    """Shape (0,)."""
    assert read_note(" \n").contexts.shape == (0,)
