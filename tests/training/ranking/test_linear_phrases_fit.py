"""The linear model of phrases: ridge regression on TF-IDF, as a plain reading of its definition finds it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from model.dataset import Document
from model.errors import BundleDamaged
from model.labels import Label, LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.lexicon.lexicon_files import load_linear, save_linear
from model.text.read_note import read_note
from training.ranking import linear_phrases_fit
from training.ranking.lexical_fit import LexicalFit
from training.ranking.linear_phrases_fit import LEAST_NOTES, PENALTY
from training.ranking.training_note import TrainingNote

CODES = ("401.9", "486", "428.0", "250.00")
LABELS = LabelSpace(tuple(Label("icd9cm", code, "", 1) for code in CODES))
WORDS = ("cough", "fever", "swelling", "thirst", "dizzy", "tired")
NEVER = 3
"""The column of a code that no note has."""


def notes(number: int = 40, seed: int = 0) -> list[Document]:
    """Invented ones of some words each, some said more than once and some denied."""
    rng = np.random.default_rng(seed)
    made = []
    for place in range(number):
        said = [str(word) for word in rng.choice(WORDS, 5)]
        parts = [f"{'no ' if rng.random() < 0.3 else ''}{word}" for word in said]
        codes = {LABELS[int(rng.integers(3))].key for _ in range(2)}
        if "cough" in parts:
            codes.add(LABELS[1].key)
        made.append(Document(f"d{place}", f"p{place}", "train", ". ".join(parts) + ".", tuple(codes)))
    return made


def fitted(least: int = 1, documents: list[Document] | None = None) -> tuple[LexicalChannels, list[TrainingNote]]:
    fit = LexicalFit(LABELS, len(LABELS), least=least)
    read = fit.read(documents or notes())
    return fit.fit(read), read


def slow_scores(channels: LexicalChannels, training: list[TrainingNote], asked: str) -> np.ndarray:
    """By dense arrays, one code after the other, without pruning."""
    lexicon = channels.lexicon

    def counts(note: object) -> Counter[tuple[int, bool]]:
        occurrences = lexicon.index.find(note.words)  # type: ignore[attr-defined]
        found: Counter[tuple[int, bool]] = Counter()
        for phrase, start, length in zip(occurrences.phrase, occurrences.start, occurrences.length, strict=True):
            if length == 1:
                found[int(phrase), bool(note.contexts[start])] += 1  # type: ignore[attr-defined]
        return found

    own = [counts(note.note) for note in training]
    documents = Counter(key for each in own for key in each)
    keys = [key for key, number in documents.items() if number >= LEAST_NOTES]

    def vector(each: Counter[tuple[int, bool]]) -> np.ndarray:
        idf = {key: np.log((1 + len(training)) / (1 + documents[key])) + 1 for key in keys}
        values = np.array([(1 + np.log(each[key])) * idf[key] if each[key] else 0.0 for key in keys])
        return values / np.linalg.norm(values)

    inputs = np.array([vector(each) for each in own])
    query = vector(counts(read_note(asked)))
    scores = []
    for column in range(len(LABELS)):
        truth = np.array([column in note.columns for note in training], dtype=float)
        model = Ridge(alpha=PENALTY, fit_intercept=False).fit(inputs, truth - truth.mean())
        scores.append(float(model.predict(query[None])[0]) + truth.mean())
    return np.array(scores)


@pytest.mark.parametrize("asked", ["Cough. Cough. Fever.", "No cough. Thirst.", "Dizzy, tired, tired and no fever."])
def test_a_score_is_that_of_ridge_regression(asked: str) -> None:
    """Words said twice weigh more, a denied word is another word."""
    channels, training = fitted()
    assert channels.linear is not None
    found = channels.linear.scores(channels.lexicon.rows(read_note(asked)))
    np.testing.assert_allclose(found, slow_scores(channels, training, asked), atol=1e-5)


def test_the_channel_ranks_the_codes_that_a_training_note_has() -> None:
    """A code without one has no score to learn from."""
    channels, _ = fitted()
    note = read_note("Cough. Cough.")
    (channel,) = (each for each in channels.channels(note) if each.name == "linear")
    assert channel.features.columns.tolist() == [0, 1, 2]
    assert channel.features.names == ("linear.score", "linear.log_rank", "linear.behind_best")
    score, log_rank, behind = channel.features.values.T
    assert log_rank[1] == 0
    assert behind[1] == 0
    assert score[1] == score.max()


def test_a_note_without_a_known_word_is_scored_by_the_shares() -> None:
    """And breaks nothing."""
    channels, training = fitted()
    assert channels.linear is not None
    share = [np.mean([column in note.columns for note in training]) for column in range(len(LABELS))]
    for text in ("", "Unheard."):
        found = channels.linear.scores(channels.lexicon.rows(read_note(text)))
        np.testing.assert_allclose(found, share, atol=1e-6)
    assert share[NEVER] == 0


def test_words_of_few_patients_have_no_weight() -> None:
    """As in the lexicon, whose phrases these are."""
    documents = [*notes(), *(Document(f"r{n}", "one", "train", "Zyzzyva cough.", (LABELS[0].key,)) for n in range(5))]
    channels, _ = fitted(least=5, documents=documents)
    assert channels.linear is not None
    assert "zyzzyva" not in channels.lexicon.index.stems
    assert (np.diff(channels.linear.indptr)[channels.linear.idf == 0] == 0).all()
    assert (channels.lexicon.tables["document"].notes[channels.linear.idf > 0] >= LEAST_NOTES).all()


def test_without_a_usable_word_there_are_only_shares() -> None:
    """Two notes: no word stands in three."""
    channels, _ = fitted(documents=notes(2))
    assert channels.linear is not None
    assert len(channels.linear.weights) == 0
    assert np.isfinite(channels.linear.scores(channels.lexicon.rows(read_note("Cough.")))).all()


def test_a_code_keeps_the_weights_that_move_it_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for three of a code, each has its three, and they are among all of them."""
    full, _ = fitted()
    monkeypatch.setattr(linear_phrases_fit, "MOST_PHRASES", 3)
    monkeypatch.setattr(linear_phrases_fit, "MOST_WEIGHTS", 0)
    pruned, _ = fitted()
    assert full.linear is not None
    assert pruned.linear is not None
    assert np.bincount(pruned.linear.columns, minlength=len(LABELS)).tolist() == [3, 3, 3, 0]
    assert set(pruned.linear.weights.tolist()) <= set(full.linear.weights.tolist())


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A bundle of an earlier version has none; one of another lexicon is damaged."""
    channels, _ = fitted()
    assert channels.linear is not None
    assert load_linear(tmp_path, channels.lexicon) is None
    save_linear(tmp_path, channels.linear)
    found = load_linear(tmp_path, channels.lexicon)
    assert found is not None
    rows = channels.lexicon.rows(read_note("Cough. No fever."))
    np.testing.assert_array_equal(found.scores(rows), channels.linear.scores(rows))
    other, _ = fitted(documents=notes(20, seed=1)[:4])
    with pytest.raises(BundleDamaged, match=r"linear\.safetensors' is damaged"):
        load_linear(tmp_path, other.lexicon)
    (tmp_path / "linear.safetensors").write_bytes(b"{}")
    with pytest.raises(BundleDamaged, match=r"linear\.safetensors' is damaged"):
        load_linear(tmp_path, channels.lexicon)
