"""Which notes are called unlike the training notes, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.errors import BundleDamaged
from model.text.known_words import words_of
from model.text.note_kind import FEW_WORDS, FILE, LEAST_WORDS, Limits, NoteKind, load_note_kind, save_note_kind
from model.text.word_pairs import pair_numbers

SENTENCE = (
    "The patient was admitted with fever and cough, no pneumonia was seen on the chest film, and the patient was "
    "discharged home in good condition with an antibiotic for one week and follow up with the family doctor"
)
WORDS = words_of(SENTENCE)
NEAR, FAR, FARTHER = np.array([[1.0, 0.0], [0.8, 0.6], [-0.6, 0.8]], dtype=np.float32)
KIND = NoteKind(
    np.unique(pair_numbers(WORDS)),
    np.array([[1.0, 0.0], [0.0, -1.0]], dtype=np.float32),
    Limits(usual_pairs=0.9, doubted_pairs=0.2, usual_distance=0.1, doubted_distance=0.4),
)
BACKWARDS = " ".join(reversed(WORDS))


def test_a_note_of_the_kind_is_not_doubted() -> None:
    """In upper case, or with a word exchanged, either."""
    for text in (SENTENCE, SENTENCE.upper(), SENTENCE.replace("cough", "chills")):
        assert KIND.doubt(text, NEAR) is None


@pytest.mark.parametrize(
    ("text", "embedding", "said", "is_strong"),
    [
        (SENTENCE, FAR, "(its embedding is 2.0 times as far from the training notes as is usual at most)", False),
        (SENTENCE, FARTHER, "(its embedding is 16.0 times as far", True),
        (BACKWARDS, NEAR, "(0% of its pairs of words are known from training, usual are 90% and more)", True),
        (f"{SENTENCE} {BACKWARDS}", NEAR, "(49% of its pairs of words are known", False),
        (BACKWARDS, FAR, "usual are 90% and more; its embedding is 2.0 times as far", True),
    ],
    ids=["far", "farther", "words in another order", "half of it", "both"],
)
def test_the_unusual_signs_are_named(text: str, embedding: np.ndarray, said: str, is_strong: bool) -> None:
    """By their numbers, and never by a word."""
    doubt = KIND.doubt(text, embedding)
    assert doubt is not None
    assert said in doubt.warning
    assert doubt.is_strong is is_strong
    assert ("No code is selected" in doubt.warning) is is_strong
    assert "the probabilities may not hold" in doubt.warning or is_strong
    assert not {"fever", "cough", "pneumonia", "discharged"} & set(doubt.warning.split())


def test_a_text_of_few_words_is_judged_only_where_no_pair_is_known() -> None:
    """Of a sentence nothing is said; one known pair among few may be chance."""
    backwards = WORDS[::-1]
    assert KIND.doubt(" ".join(backwards[: LEAST_WORDS - 1]), FARTHER) is None
    assert KIND.doubt(" ".join(backwards[:LEAST_WORDS]), NEAR) is not None
    one_known = " ".join([*WORDS[:2], *backwards[: FEW_WORDS - 3]])
    assert KIND.signs(one_known, NEAR).known_pairs > 0
    assert KIND.doubt(one_known, FARTHER) is None
    assert KIND.doubt(f"{one_known} fever", FARTHER) is not None
    assert KIND.doubt("", NEAR) is None


def test_a_short_note_may_lie_lower_by_chance() -> None:
    """The share of a few pairs scatters more than that of many."""
    limits = replace(KIND, limits=KIND.limits._replace(usual_pairs=0.9))
    half = f"{' '.join(WORDS[:20])} {BACKWARDS}"
    known = KIND.signs(half, NEAR).known_pairs
    short = replace(limits, limits=limits.limits._replace(usual_pairs=known + 0.05))
    assert short.doubt(half, NEAR) is None
    assert short.doubt(" ".join([half] * 40), NEAR) is not None


def test_a_bundle_without_centres_judges_by_the_words() -> None:
    """Trained without a ranker."""
    plain = replace(KIND, centres=np.zeros((0, 1), dtype=np.float32))
    assert plain.doubt(SENTENCE, FARTHER) is None
    assert plain.doubt(BACKWARDS, NEAR) is not None


def test_the_kind_comes_back(tmp_path: Path) -> None:
    """A folder without it has none; a damaged file, and one of other embeddings, are named."""
    assert load_note_kind(tmp_path, 2) is None
    save_note_kind(tmp_path, KIND)
    found = load_note_kind(tmp_path, 2)
    assert found is not None
    assert found.limits == KIND.limits
    assert np.array_equal(found.pairs, KIND.pairs)
    assert np.array_equal(found.centres, KIND.centres)
    with pytest.raises(BundleDamaged, match="embeddings of another size"):
        load_note_kind(tmp_path, 3)
    save_file({"pairs": KIND.pairs}, tmp_path / FILE)
    with pytest.raises(BundleDamaged, match="cannot be read"):
        load_note_kind(tmp_path, 2)
    (tmp_path / FILE).write_bytes(b"nothing of the sort")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        load_note_kind(tmp_path, 2)
