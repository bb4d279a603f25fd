"""The network learns from words of several patients only. All names here are invented."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset import Document
from training.run.common_words import HIDDEN, CommonWords, common_words

WORDS = ("fever", "Cough", "zeppelin", "Quagga", "12")


def document(number: int, subject: str, text: str) -> Document:
    return Document(f"d{number}", subject, "train", text, ())


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        ("Fever, zeppelin and FEVER.", "Fever, ___ and FEVER."),
        ("Name: Fever And Fever", f"{HIDDEN}: ___ ___ ___"),
        ("fever of [**Known lastname 4711**] and ___", "fever ___ [**Known lastname ___**] and ___"),
        ("fever [TESTINA FAKEWORTH] and <FAKEWORTH>", "fever [___ ___] and <___>"),
        ("fever [** and zeppelin **]", "fever [** and ___ **]"),
        ("", ""),
    ],
)
def test_other_words_and_names_are_hidden(text: str, learned: str) -> None:
    """Common words stay behind a name's label too little: the name may be a common word. A placeholder hides nobody's
    name or number."""
    assert CommonWords(frozenset({"fever", "and", "known", "lastname"})).learned_text(text) == learned


def test_five_notes_of_one_patient_make_no_word_common() -> None:
    """With 1 nothing is hidden."""
    notes = [document(n, "p0", f"zeppelin and fever {n}") for n in range(5)]
    notes += [document(n, f"p{n}", f"cough and fever {n}") for n in range(5, 9)]
    common = common_words(notes, 5)
    assert common is not None
    assert common.words == {"and", "fever"}
    assert common.hidden_share(notes) == pytest.approx(0.5)
    assert common_words(notes, 1) is None


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.lists(st.sampled_from(WORDS), min_size=1)), max_size=12),
    st.integers(2, 4),
)
def test_no_word_of_fewer_patients_is_left(said: list[tuple[int, list[str]]], least: int) -> None:
    """Against sets: each word of the learned texts has enough patients."""
    notes = [document(n, f"p{who}", f"n{n} {' '.join(words)}") for n, (who, words) in enumerate(said)]
    common = common_words(notes, least)
    assert common is not None
    for note in notes:
        for word in common.learned_text(note.text).split():
            holders = {other.subject_id for other in notes if word.casefold() in other.text.casefold().split()}
            assert word == HIDDEN or len(holders) >= least
