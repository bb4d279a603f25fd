"""The signs of a kind of notes, fitted on synthetic discharge summaries, and how often they err."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from model.dataset import Document
from model.text.known_words import words_of
from model.text.word_pairs import pair_numbers
from training.ranking import note_kind_fit
from training.ranking.known_words_fit import fit_known_words
from training.ranking.note_kind_fit import FittedKind, centres, fit_note_kind, known_pairs
from training.ranking.ranker_fit import RankerFold
from training.run.model_card import note_kind_card
from training.synthetic.catalogue import catalogue
from training.synthetic.draws import Draws
from training.synthetic.note import discharge_summary
from training.synthetic.patients import patients

KINDS = json.loads((Path(__file__).parents[2] / "model" / "text" / "note_kinds.json").read_text(encoding="utf-8"))
"""Texts of other kinds, and what a clinician may type; people and places are invented."""
HELD = 60


@pytest.fixture(scope="module")
def notes() -> list[Document]:
    """The discharge summaries of 260 synthetic admissions."""
    draws = Draws(catalogue())
    return [
        Document(
            str(stay.hadm_id),
            str(patient.subject_id),
            "train",
            discharge_summary(draws, patient, stay, Random(stay.hadm_id)).text,
            (),
        )
        for patient in patients(catalogue(), 260, 3)
        for stay in patient.admissions
    ]


def around(center: int, number: int, spread: float = 0.05) -> np.ndarray:
    """Unit rows (number, 8) about an axis."""
    rows = np.random.default_rng(center).normal(scale=spread, size=(number, 8)).astype(np.float32)
    rows[:, center] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fitted(notes: list[Document]) -> FittedKind:
    """On all notes but the last HELD, whose embeddings lie about two axes."""
    learned = notes[:-HELD]
    embeddings = np.concatenate([around(0, len(learned) // 2), around(1, len(learned) - len(learned) // 2)])
    found = fit_note_kind(learned, embeddings, [])
    assert found is not None
    return found


def test_held_out_notes_are_doubted_as_rarely_as_stated(fitted: FittedKind, notes: list[Document]) -> None:
    """Two signs of half a percent each, counted on notes of other patients than the limits came from."""
    assert fitted.notes == len(notes) - HELD
    assert fitted.unusual <= 0.03 * fitted.notes
    assert fitted.doubted == 0
    doubts = [fitted.kind.doubt(note.text, row) for note, row in zip(notes[-HELD:], around(0, HELD), strict=True)]
    assert sum(doubt is not None for doubt in doubts) <= 0.05 * HELD


@pytest.mark.parametrize("name", KINDS["other"])
def test_other_texts_get_no_selected_code(fitted: FittedKind, name: str) -> None:
    """Even where the embedding tells nothing."""
    doubt = fitted.kind.doubt(KINDS["other"][name], around(0, 1)[0])
    assert doubt is not None
    assert doubt.is_strong


def test_words_of_training_in_random_order_get_none(fitted: FittedKind, notes: list[Document]) -> None:
    """Every word is known; drawn from the vocabulary, or the words of a note."""
    random = Random(1)
    vocabulary = sorted({word for note in notes for word in words_of(note.text)})
    for words in (random.choices(vocabulary, k=200), random.sample(words_of(notes[-1].text), k=200)):
        doubt = fitted.kind.doubt(" ".join(words), around(0, 1)[0])
        assert doubt is not None
        assert doubt.is_strong


@pytest.mark.parametrize("name", KINDS["clinical"])
def test_what_a_clinician_types_keeps_its_codes(fitted: FittedKind, name: str) -> None:
    """It is unlike the synthetic summaries, which the warning says, but no other kind of text."""
    doubt = fitted.kind.doubt(KINDS["clinical"][name], around(0, 1)[0])
    assert doubt is None or not doubt.is_strong


def test_no_limit_is_the_value_of_one_note(fitted: FittedKind) -> None:
    """A quantile would let who has a note's text recognise it."""
    for limit in fitted.kind.limits[:3]:
        assert round(100 * limit) == pytest.approx(100 * limit, abs=1e-6)


def test_pairs_of_one_patient_are_not_kept() -> None:
    """A name in three notes of one patient stays out; notes without a patient are of one each."""
    texts = [("p1", "Testy McTestface has fever"), ("p1", "Testy McTestface has cough"), ("p2", "she has fever")]
    texts += [("", "no cough today"), ("", "no cough yesterday")]
    documents = [Document(str(i), subject, "train", text, ()) for i, (subject, text) in enumerate(texts)]
    kept = [number for pair in (["has", "fever"], ["no", "cough"]) for number in pair_numbers(pair).tolist()]
    assert known_pairs(documents).tolist() == sorted(kept)


def test_a_far_embedding_is_doubted(fitted: FittedKind, notes: list[Document]) -> None:
    """However usual the words."""
    doubt = fitted.kind.doubt(notes[-1].text, around(5, 1)[0])
    assert doubt is not None
    assert doubt.is_strong
    assert "its embedding is" in doubt.warning


def test_folds_of_a_ranker_are_measured_in_their_own_space(notes: list[Document]) -> None:
    """Each by the network that did not see it; the network of the bundle makes the centres."""
    learned = notes[:-HELD]
    folds = [(place, np.arange(len(learned)) % 2 == place) for place in range(2)]
    parts = [
        RankerFold(
            [note for note, out in zip(learned, held, strict=True) if not out],
            around(place, int((~held).sum())),
            [note for note, out in zip(learned, held, strict=True) if out],
            around(place, int(held.sum())),
            np.zeros((0, 1)),
        )
        for place, held in folds
    ]
    found = fit_note_kind(learned, around(4, len(learned)), parts)
    assert found is not None
    assert found.notes == len(learned)
    assert found.kind.limits.usual_distance < 0.2
    assert found.kind.doubt(notes[-1].text, around(4, 1)[0]) is None
    assert found.kind.doubt(notes[-1].text, around(0, 1)[0]) is not None


def test_too_few_notes_or_words_are_of_no_kind(notes: list[Document]) -> None:
    """A bundle of a small table doubts nothing."""
    assert fit_note_kind(notes[:40], None, []) is None
    poor = [Document(str(i), str(i), "train", "fever and cough today", ()) for i in range(100)]
    assert fit_known_words(poor) is None
    assert fit_note_kind(poor, None, []) is None


def test_without_embeddings_the_words_judge_alone(notes: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle without a ranker; a sample of the notes is enough."""
    monkeypatch.setattr(note_kind_fit, "MOST_NOTES", 120)
    monkeypatch.setattr(note_kind_fit, "MOST_HELD", 20)
    found = fit_note_kind(notes, None, [])
    assert found is not None
    assert found.notes == 5 * 20
    assert len(found.kind.centres) == 0
    assert found.kind.doubt(notes[0].text, around(0, 1)[0]) is None
    assert "distances" not in note_kind_card(found.card)


def test_centres_are_unit_rows_in_groups() -> None:
    """One for every sixteen notes."""
    found = centres(np.concatenate([around(0, 16), around(1, 16)]), np.arange(32))
    assert found.shape == (2, 8)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    assert sorted(found.argmax(axis=1).tolist()) == [0, 1]


@pytest.mark.parametrize("notes_of_one", [1, 6])
def test_a_group_of_too_few_patients_has_no_centre(notes_of_one: int) -> None:
    """It would be the embedding of a note, or of one patient's notes."""
    rows = np.concatenate([around(0, 31), around(1, 32), around(5, notes_of_one, spread=0.001)])
    patients = np.array([*range(63), *([63] * notes_of_one)])
    found = centres(rows, patients, 5)
    assert sorted(set(found.argmax(axis=1).tolist())) == [0, 1]
    assert (found @ rows[-1]).max() < 0.9
    assert len(centres(rows, np.zeros(len(rows), dtype=np.int64), 5)) == 1, "the mean of all is left"


def test_the_card_states_the_rate(fitted: FittedKind) -> None:
    """With the notes that it was counted on."""
    told = note_kind_card(fitted.card)
    assert f"Of {fitted.notes} held-out notes, {fitted.unusual} (" in told
    assert "and 0 (0.0%)\n  would get no selected code" in told
    assert note_kind_card({}) == ""
