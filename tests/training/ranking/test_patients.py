"""Patients are counted, not notes: what a single one repeats is nobody's vocabulary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset import Document
from model.labels import Label, LabelSpace
from training.ranking.known_words_fit import fit_known_words
from training.ranking.lexical_fit import LexicalFit
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.note_kind_fit import known_pairs
from training.ranking.patients import are_named, of_several, patient_numbers
from training.ranking.titles_fit import fit_titles, read_terms, titles_of
from training.ranking.training_note import TrainingNote, training_note

LABELS = LabelSpace((Label("icd9cm", "486", "Pneumonia"), Label("icd9cm", "401.9", "Hypertension")))


def document(number: int, subject: str, text: str) -> Document:
    return Document(f"d{number}", subject, "train", text, (LABELS[number % 2].key,))


def read(documents: list[Document]) -> list[TrainingNote]:
    return [training_note(one, LABELS.columns, "en") for one in documents]


def phrases(notes: list[TrainingNote], least: int) -> set[tuple[str, ...]]:
    """Every phrase that can be read in a lexicon, those that only lead to longer ones too."""
    index = fit_lexicon(notes, len(LABELS), least=least).index
    found: set[tuple[str, ...]] = set()
    before: list[tuple[str, ...]] = [()]
    for keys in index.levels:
        before = [(*before[key // len(index.stems)], index.stems[key % len(index.stems)]) for key in keys.tolist()]
        found.update(before)
    return found


def twin(notes: list[TrainingNote], least: int) -> set[tuple[str, ...]]:
    """Phrases of one to four stems of at least so many subjects, with sets and loops."""
    holders: dict[tuple[str, ...], set[str]] = {}
    for note in notes:
        words = note.note.words
        for start in range(len(words)):
            for end in range(start + 1, min(start + 4, len(words)) + 1):
                if words.sentence[start] == words.sentence[end - 1]:
                    holders.setdefault(words.stems[start:end], set()).add(note.subject)
    return {phrase for phrase, subjects in holders.items() if len(subjects) >= least}


WORDS = ("fever", "cough", "zeppelin", "quagga", "rash")
SAID = ("Fever.", "No fever.", "Rash.", "No rash.", "Denies cough.", "Cough.")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)), max_size=14),
    st.integers(1, 4),
)
def test_every_phrase_stands_in_the_notes_of_so_many_patients(said: list[tuple[int, list[str]]], least: int) -> None:
    """However the notes are spread over patients; the twin counts with sets."""
    notes = read([document(n, f"p{who}", f"no{n} {' '.join(words)}") for n, (who, words) in enumerate(said)])
    allowed = twin(notes, least)
    found = phrases(notes, least)
    assert found <= allowed
    assert {phrase for phrase in allowed if len(phrase) == 1} <= found


def test_five_notes_of_one_patient_teach_no_phrase() -> None:
    """Neither the phrase nor its stems; a phrase of five patients stays."""
    notes = [document(n, "p0", f"Day {n}, the zeppelin quagga has fever.") for n in range(5)]
    notes += [document(n, f"p{n}", f"Bed {n}, cough and fever.") for n in range(5, 10)]
    found = phrases(read(notes), 5)
    assert ("fever",) in found
    assert ("cough",) in found
    assert not any("zeppelin" in phrase or "quagga" in phrase for phrase in found)


def test_what_a_single_patient_denies_tells_nothing_of_its_codes() -> None:
    """The phrase is that of many patients, and one of them denies it: the denied phrase is of that patient alone."""
    notes = [document(2 * n, f"p{n}", f"Bed {n}, fever was seen.") for n in range(6)]
    notes += [document(101 + 2 * n, "q", f"Bed {n}, no fever was seen.") for n in range(3)]
    lexicon = fit_lexicon(read(notes), len(LABELS), least=5)
    assert lexicon.features("Fever was seen.").columns.tolist() == [0]
    assert lexicon.features("No fever was seen.").columns.tolist() == [0]
    assert set(lexicon.tables["document"].notes.tolist()) <= {0, 6, 9}
    told = fit_lexicon(read(notes), len(LABELS), least=1).features("No fever was seen.")
    assert told.columns.tolist() == [0, 1]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.sampled_from(SAID), min_size=1, max_size=4)), max_size=14),
    st.integers(1, 4),
)
def test_every_row_is_of_so_many_patients(said: list[tuple[int, list[str]]], least: int) -> None:
    """What is said of one word, and what is denied; the twin counts with sets."""
    notes = read([document(n, f"p{who}", f"no{n}. {' '.join(parts)}") for n, (who, parts) in enumerate(said)])
    lexicon = fit_lexicon(notes, len(LABELS), least=least)
    for number, stem in enumerate(lexicon.index.stems):
        node = np.flatnonzero(lexicon.index.levels[0] == number)
        for denied in (0, 1) if len(node) and lexicon.index.counted[node[0]] else ():
            holders: dict[str, int] = {}
            for note in notes:
                words, bits = note.note.words.stems, note.note.contexts
                if any(word == stem and bool(bit & 27) == bool(denied) for word, bit in zip(words, bits, strict=True)):
                    holders[note.subject] = holders.get(note.subject, 0) + 1
            expected = sum(holders.values()) if len(holders) >= least else 0
            assert lexicon.tables["document"].notes[2 * node[0] + denied] == expected


def test_an_annotated_span_of_one_patient_is_no_phrase_either() -> None:
    """Spans are kept whole whatever their length, and only where several patients have them."""
    from model.dataset import CodeSpan

    text = "There is a severe zeppelin quagga lung rash of old."
    span = CodeSpan(LABELS[0].key, text.index("severe"), text.index(" of old"))
    notes = [
        Document(f"d{n}", f"p{n % 2}", "train", f"{text} {n}", (LABELS[0].key,), evidence=(span,)) for n in range(8)
    ]
    assert ("sever", "zeppelin", "quagga", "lung", "rash") in phrases(read(notes), 2)
    assert phrases(read(notes), 3) == set()


def test_a_text_that_stands_in_a_table_five_times_is_of_one_patient() -> None:
    """Whatever ids the rows have."""
    notes = [document(n, f"p{n}", "Testina Fakeworth, zeppelin pilot.") for n in range(5)]
    assert phrases(read(notes), 2) == set()
    assert fit_known_words(notes, 2, 1) is None
    assert len(known_pairs(notes)) == 0


@pytest.mark.parametrize("least", [2, 5])
def test_words_and_pairs_are_those_of_several_patients(least: int) -> None:
    """One patient's word in five notes, beside a word of enough patients and one of too few."""
    notes = [document(n, "p0", f"zeppelin rash {'x' * (n + 2)}") for n in range(5)]
    notes += [document(10 + n, f"q{n}", f"fever came {'y' * (n + 2)}") for n in range(least)]
    notes += [document(20 + n, f"r{n}", f"cough went {'z' * (n + 2)}") for n in range(least - 1)]
    known = fit_known_words(notes, least, 1)
    assert known is not None
    assert known.words == {"fever", "came"}
    assert len(known_pairs(notes, least)) == 1


def test_words_of_one_patient_are_linked_to_no_title() -> None:
    """Neither learned from spans nor taken from a dictionary; words without a title are not kept."""
    fit = LexicalFit(LABELS, len(LABELS), "es", 2, {"zepelin": {"pneumonia": 1.0}, "quagga": {"cat": 1.0}})
    notes = read([document(n, f"p{n // 2}", f"zepelin {n}") for n in range(2)])
    assert fit.fit(notes).titles.words == ()
    of_two = read([document(n, f"p{n}", f"zepelin {n}") for n in range(2)])
    assert fit.fit(of_two).titles.words == ("zepelin",)
    everything = titles_of(read_terms(LABELS, ()), LABELS, notes, "es", fit.dictionary)
    assert everything.words == ()
    assert fit_titles(LABELS, (), notes, "es", fit.dictionary).words == ("zepelin",)


def test_patients_are_numbered() -> None:
    """By subject, by equal text, and each note by itself where there is no subject."""
    numbers = patient_numbers(["a", "", "a", "b", "c", ""], ["1", "2", "3", "4", "4 ", "5"]).tolist()
    assert numbers[0] == numbers[2]
    assert numbers[3] == numbers[4]
    assert len(set(numbers)) == 4
    assert patient_numbers([], []).tolist() == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(0, 6), max_size=5)), max_size=20), st.integers(1, 4))
def test_items_of_several_are_counted_once_a_patient(found: list[tuple[int, list[int]]], least: int) -> None:
    """Against loops."""
    holders = {item: {who for who, items in found if item in items} for _, items in found for item in items}
    patients = np.array([who for who, _ in found], dtype=np.int64)
    assert of_several(patients, lambda place: found[place][1], least) == {
        item for item, whose in holders.items() if len(whose) >= least
    }


def test_a_dataset_names_patients_or_not() -> None:
    """`prepare` writes the id of the note for a patient that the table does not name."""
    assert are_named([document(1, "p1", "x")])
    assert not are_named([document(1, "d1", "x"), document(2, "", "y")])
