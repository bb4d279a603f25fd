"""Spans of an invented Spanish text found again in its English translation."""

import pytest

from model.text.stemming import stem
from training.prepare.projected_spans import ParallelText

SOURCE = "El paciente ficticio tenía fiebre. Se vio una neumonía grave en la placa."
TARGET = "The fictional patient had fever. A severe pneumonia was seen on the film."
SURE_WORDS = {"fiebre": ("fever", 0.9), "neumonia": ("pneumonia", 0.8), "grave": ("severe", 0.7)}
SURE_WORDS["placa"] = ("film", 0.04)
TRANSLATIONS = {stem(word, "es"): {stem(other, "en"): p} for word, (other, p) in SURE_WORDS.items()}


def projected(phrase: str) -> str | None:
    text = ParallelText(SOURCE, TARGET)
    start = SOURCE.index(phrase)
    place = text.project(start, start + len(phrase), TRANSLATIONS)
    return place and TARGET[slice(*place)]


@pytest.mark.parametrize(
    ("phrase", "found"),
    [("fiebre", "fever"), ("neumonía grave", "severe pneumonia"), ("neumonía", "pneumonia"), ("placa", None)],
)
def test_a_phrase_is_found_again(phrase: str, found: str | None) -> None:
    """In another order of words too; None where no translation is sure."""
    assert projected(phrase) == found


def test_a_word_of_another_sentence_is_not_taken() -> None:
    """The fever of the next sentence is none of this one."""
    text = ParallelText("Tenía fiebre. Y mucha tos seca.", "He was ill. And much fever came.")
    assert text.project(6, 12, TRANSLATIONS) is None


def test_pairs_are_stems_of_aligned_sentences() -> None:
    """One for each pair of sentences."""
    pairs = ParallelText(SOURCE, TARGET).pairs()
    assert len(pairs) == 2
    assert "fiebr" in pairs[0][0]
    assert "fever" in pairs[0][1]


def test_an_empty_translation_gives_nothing() -> None:
    """No sentence to look in."""
    assert ParallelText(SOURCE, "").project(0, 5, TRANSLATIONS) is None
