"""Scopes of negation, family, history: sentence by sentence, and on the hand-made pairs."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from model.text.assertion import NOT_PRESENT, Assertion
from model.text.read_note import ReadNote, read_note
from model.text.stemming import plain

ASSERTION_PAIRS = json.loads((Path(__file__).parent / "assertion_pairs.json").read_text(encoding="utf-8"))
PAIRS = json.loads((Path(__file__).parent / "minimal_pairs.json").read_text(encoding="utf-8"))


def assertion_of(text: str, word: str, language: str = "en") -> Assertion:
    note = ReadNote(text, language)
    return Assertion(int(note.contexts[note.words.plain.index(word)]))


def bits_of_term(text: str, term: str, language: str) -> Assertion:
    note, wanted = read_note(text, language), tuple(plain(word) for word in term.split())
    (place,) = [p for p in range(len(note.words)) if note.words.plain[p : p + len(wanted)] == wanted]
    return Assertion(int(np.bitwise_or.reduce(note.contexts[place : place + len(wanted)])))


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
        ("The scan was negative for thrombosis.", "thrombosis", Assertion.NEGATED),
        ("The scan was negative for thrombosis.", "scan", Assertion(0)),
        ("Edema, not due to gout.", "gout", Assertion.NEGATED),
        ("Edema due to gout.", "gout", Assertion(0)),
        ("Gout was never seen.", "gout", Assertion.NEGATED),
        ("These may be signs of sepsis.", "sepsis", Assertion.HYPOTHETICAL),
        ("Rest can cause thrombosis.", "thrombosis", Assertion.HYPOTHETICAL),
        ("Come back, because sepsis could develop.", "sepsis", Assertion.HYPOTHETICAL),
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
        ("Edema no debido a gota.", "gota", Assertion.NEGATED),
        ("El reposo puede causar trombosis.", "trombosis", Assertion.HYPOTHETICAL),
    ],
)
def test_spanish_triggers(text: str, word: str, assertion: Assertion) -> None:
    """The same rules with Spanish triggers."""
    assert assertion_of(text, word, "es") == assertion


def test_a_trigger_reaches_a_limited_number_of_words() -> None:
    """A negation holds eight words that are no list."""
    note = ReadNote("No " + "word " * 9)
    assert (note.contexts != 0).tolist() == [False] + [True] * 8 + [False]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["other"][:40])
def test_every_hand_made_pair_is_told_apart(pair: dict[str, str]) -> None:
    """The other text has words in a scope that do not say what the patient has; the affirmed one has none."""
    assert not (ReadNote(pair["affirmed"]).contexts & NOT_PRESENT).any()
    assert (ReadNote(pair["other"]).contexts & NOT_PRESENT).any()


@pytest.mark.parametrize("pair", ASSERTION_PAIRS, ids=lambda pair: pair["other"][:40])
def test_the_term_of_every_pair_is_told_apart(pair: dict[str, str]) -> None:
    """No word of the term is in a context in the affirmed text; one is in the other text, of the stated kind."""
    affirmed, other = (bits_of_term(pair[side], pair["term"], pair["language"]) for side in ("affirmed", "other"))
    assert not affirmed & NOT_PRESENT
    assert other & Assertion[pair["assertion"].upper()]


@pytest.mark.parametrize(
    ("text", "word", "assertion"),
    [
        ("Pneumonia cannot be completely ruled out.", "pneumonia", Assertion(0)),
        ("Pneumonia is still not to be excluded.", "pneumonia", Assertion(0)),
        ("He isn't septic.", "septic", Assertion.NEGATED),
        ("HIV-negative gout.", "gout", Assertion(0)),
        ("Gout: no known cause", "gout", Assertion(0)),
        ("Gout, stage 3: no", "gout", Assertion.NEGATED),
        ("COPD: yes, allergic asthma: no", "copd", Assertion(0)),
        ("Fever: no Cough: no Gout: yes", "cough", Assertion.NEGATED),
        ("Fever: no Cough: no Gout: yes", "gout", Assertion(0)),
        ("Disposition: home - no services", "disposition", Assertion(0)),
        ("[ ] Repeat film for gout", "gout", Assertion(0)),
        ("[**Hospital 3**] gout", "gout", Assertion(0)),
        ("Return if you have:\n- gout\n", "gout", Assertion.HYPOTHETICAL),
        ("Denies:\n- asthma\nGout since 2009.", "gout", Assertion(0)),
        ("He has no stroke and was started on the following drugs:\n- gout pills", "gout", Assertion(0)),
        ("No JVD, S3, S4, rub, cyanosis, clubbing, lungs clear, gout of the toe", "gout", Assertion(0)),
        ("Family History: gout. The patient has asthma.", "asthma", Assertion(0)),
        ("Family History: gout. The patient's asthma", "asthma", Assertion.FAMILY),
        ("Family History: gout.\n\nHe has asthma.", "asthma", Assertion(0)),
    ],
)
def test_what_is_written_around_a_word_counts(text: str, word: str, assertion: Assertion) -> None:
    """Answers, check boxes, lists and double negations, and what only looks like them."""
    assert assertion_of(text, word) == assertion


@pytest.mark.parametrize(
    "unit",
    [
        "no ",
        "denies gout, ",
        "no gout or ",
        "Denies:\n",
        "- denies:\n",
        "gout: no, ",
        "[ ] ",
        "(-) ",
        "gout (-) ",
        "a ",
    ],
)
def test_the_cost_is_linear_in_the_note(unit: str) -> None:
    """Eight times the text takes nowhere near 64 times as long."""

    def seconds(size: int) -> float:
        note = ReadNote(unit * (size // len(unit)))
        assert len(note.words) + len(note.sections) >= 0  # read before the clock starts
        started = time.process_time()
        assert note.contexts.shape == (len(note.words),)
        return time.process_time() - started

    small, large = (min(seconds(size) for _ in range(3)) for size in (12_500, 100_000))
    assert large < 24 * small + 0.5


def test_a_note_without_words_has_no_contexts() -> None:
    """Shape (0,)."""
    assert ReadNote(" \n").contexts.shape == (0,)
