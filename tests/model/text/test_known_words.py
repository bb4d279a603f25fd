"""Texts that are no notes of the kind that was trained on are doubted."""

from pathlib import Path

import pytest

from model.dataset import Document
from model.errors import BundleDamaged
from model.text.known_words import FILE, KnownWords, load_known_words, save_known_words, words_of
from training.ranking.known_words_fit import fit_known_words

SENTENCE = "The patient was admitted with fever and cough. No pneumonia seen on chest film, discharged home"
KNOWN = KnownWords(frozenset(words_of(SENTENCE)))


@pytest.mark.parametrize(
    "text",
    [
        "The patient was admitted with fever.",
        "FEVER and cough, [**Known lastname 99**] on [**2101-3-4**], discharged home by Dr. Fakename",
        "no pneumonia seen",
    ],
)
def test_a_note_is_not_doubted(text: str) -> None:
    """Upper case, placeholders and a few unknown words are no reason."""
    assert KNOWN.doubt(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("La paciente inventada fue ingresada con fiebre y tos, sin neumonía", "0 of the note's 10 words"),
        ("Der erfundene Patient kam mit Fieber in die Klinik no no no", "4 of the note's 12 words"),
        ("[**First Name8 (NamePattern2) **] [**2101-3-4**] [**Hospital1 18**]", "0 of the note's 0 words"),
        ("___ ___ ___ [NAME] <DATE> [LOCATION-1]", "0 of the note's 0 words"),
        ("這是一個虛構的病人", "0 of the note's 1 words"),
        ("fever cough", "2 of the note's 2 words"),
        ("12 34 56", "0 of the note's 0 words"),
    ],
    ids=["Spanish", "German with a little English", "MIMIC-III", "placeholders", "Chinese", "too short", "numbers"],
)
def test_other_texts_are_doubted_without_their_words(text: str, said: str) -> None:
    """The sentence tells counts only."""
    doubt = KNOWN.doubt(text)
    assert doubt is not None
    assert said in doubt
    assert "No code is selected" in doubt
    assert "paciente" not in doubt


def test_words_are_folded_and_stand_without_numbers() -> None:
    """Letters of any script, two at least."""
    assert words_of("Fever 38C, a STRASSE / straße_x ___ é té") == ["fever", "strasse", "strasse", "té"]


def test_words_of_one_patient_alone_are_not_kept() -> None:
    """Names and slips stay out of the bundle, of public notes too; a handful of words can tell nothing."""
    texts = ["fever and Testy", "fever and cough", "cough McTestface", "cough, McTestface again"]
    notes = [Document(str(place), f"p{min(place, 2)}", "train", text, ()) for place, text in enumerate(texts)]
    for least in (1, 2):
        assert fit_known_words(notes, least, 1) == KnownWords(frozenset({"fever", "and", "cough"}))
    assert fit_known_words(notes, 2, 4) is None
    assert fit_known_words(notes, 3, 1) is None


def test_the_words_come_back(tmp_path: Path) -> None:
    """A folder without them has none; a damaged file is named."""
    assert load_known_words(tmp_path) is None
    save_known_words(tmp_path, KNOWN)
    assert load_known_words(tmp_path) == KNOWN
    (tmp_path / FILE).write_bytes(b"no parquet")
    with pytest.raises(BundleDamaged, match="list of words"):
        load_known_words(tmp_path)
