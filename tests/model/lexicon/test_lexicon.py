"""The lexicon against a slow twin that counts with dictionaries, and against a refit without the note."""

from collections import defaultdict

import numpy as np
import pytest

from model.dataset import CodeSpan, Document
from model.icd import Code
from model.labels import Label, LabelSpace
from model.lexicon.lexicon import FLOOR, SHRINK, Lexicon
from model.lexicon.lexicon_features import NAMES
from training.ranking.lexicon_fit import count_phrases, fit_lexicon, own_counts
from training.ranking.training_note import TrainingNote, training_note

LABELS = LabelSpace(tuple(Label("icd9cm", code, "") for code in ("274.9", "401.9", "486", "V16.9")))
GOUT, HYPERTENSION, PNEUMONIA, FAMILY = (label.key for label in LABELS.labels)
PHRASES = {
    GOUT: "acute gout of the toe",
    HYPERTENSION: "high blood pressure",
    PNEUMONIA: "a severe pneumonia",
    FAMILY: "father with gout",
}


def invented(number: int = 24, seed: int = 0, annotated: bool = True) -> list[TrainingNote]:
    """Notes that say one or two phrases, deny another, and mark what they say."""
    random = np.random.default_rng(seed)
    codes = list(PHRASES)
    notes = []
    for n in range(number):
        said = random.choice(4, size=random.integers(1, 3), replace=False)
        denied = PHRASES[codes[int(random.integers(3))]]
        filler = " ".join(random.choice(["ward", "plan", "stable", "seen"], size=4))
        text = f"Invented {filler}. " + ". ".join(PHRASES[codes[k]].capitalize() for k in said) + f". No {denied}."
        spans = []
        for k in said:
            start = text.index(PHRASES[codes[k]].capitalize())
            spans.append(CodeSpan(codes[k], start, start + len(PHRASES[codes[k]])))
        evidence = tuple(spans) if annotated and n % 4 else ()
        carried = tuple(codes[k] for k in said)
        document = Document(f"d{n}", f"p{n}", "train", text, carried, evidence=evidence)
        notes.append(training_note(document, LABELS.columns, "en"))
    return notes


def feature(lexicon: Lexicon, note: TrainingNote, name: str, code: Code) -> float:
    features = lexicon.note_features(note.note)
    row = np.flatnonzero(features.columns == LABELS.column(code))
    return float(features.values[row[0], NAMES.index(f"lexicon.{name}")]) if len(row) else 0.0


def read(text: str) -> TrainingNote:
    return training_note(Document("x", "x", "test", text, ()), LABELS.columns, "en")


def twin_best(notes: list[TrainingNote], note: TrainingNote) -> dict[int, float]:
    """Precision of the surest n-gram that is said, over every n-gram of one to four stems, with dictionaries."""

    def grams(one: TrainingNote) -> set[tuple[bool, tuple[str, ...]]]:
        words, contexts = one.note.words, one.note.contexts
        found = set()
        for i in range(len(words)):
            for j in range(i + 1, min(i + 4, len(words)) + 1):
                if words.sentence[i] == words.sentence[j - 1]:
                    found.add((bool((contexts[i:j] & 27).any()), words.stems[i:j]))
        return found

    holders: dict[tuple[bool, tuple[str, ...]], int] = defaultdict(int)
    both: dict[tuple[bool, tuple[str, ...]], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in notes:
        for gram in grams(one):
            holders[gram] += 1
            for column in one.columns:
                both[gram][int(column)] += 1
    best: dict[int, float] = defaultdict(float)
    for gram in grams(note):
        if not gram[0]:
            for column, count in both[gram].items():
                best[column] = max(best[column], count / (holders[gram] + SHRINK["document"]))
    return {column: value for column, value in best.items() if value >= FLOOR["document"]}


@pytest.mark.parametrize("seed", range(3))
def test_the_best_phrase_is_that_of_every_n_gram(seed: int) -> None:
    """What the choice of phrases leaves out as redundant changes no best precision."""
    notes, unseen = invented(seed=seed), invented(6, seed=seed + 100)
    lexicon = fit_lexicon(notes, len(LABELS))
    for note in unseen:
        features = lexicon.note_features(note.note)
        best = {int(c): float(v[0]) for c, v in zip(features.columns, features.values, strict=True) if v[0] > 0}
        assert best == pytest.approx(twin_best(notes, note), rel=1e-6)


@pytest.mark.parametrize("annotated", [True, False])
def test_leaving_a_note_out_is_counting_without_it(annotated: bool) -> None:
    """Every feature of every training note, against the same phrases counted anew without the note."""
    notes = invented(annotated=annotated)
    lexicon = fit_lexicon(notes, len(LABELS))
    for place, note in enumerate(notes):
        without = count_phrases(lexicon.index, notes[:place] + notes[place + 1 :], len(LABELS))
        quick, slow = lexicon.note_features(note.note, own_counts(lexicon, note)), without.note_features(note.note)
        assert quick.columns.tolist() == slow.columns.tolist()
        np.testing.assert_allclose(quick.values, slow.values, rtol=1e-5)


def test_a_denied_phrase_is_no_mention() -> None:
    """It speaks through features of its own."""
    lexicon = fit_lexicon(invented(40), len(LABELS))
    said, denied = read("Invented. Severe pneumonia."), read("Invented. No severe pneumonia.")
    assert feature(lexicon, said, "best", PNEUMONIA) > 0.5 > feature(lexicon, denied, "best", PNEUMONIA)
    assert feature(lexicon, denied, "only_in_scope", PNEUMONIA) == feature(lexicon, said, "best", PNEUMONIA)
    assert feature(lexicon, denied, "whole_best", PNEUMONIA) == 0.0


def test_an_annotated_denied_phrase_is_no_mention_either() -> None:
    """Some corpora annotate a few of the words that the rules call denied: they say nothing about all the others."""
    text = "Invented ward. No severe pneumonia was seen."
    start = text.index("severe")
    marked = (CodeSpan(PNEUMONIA, start, start + len("severe pneumonia")),)
    denying = [
        training_note(Document(f"n{n}", f"n{n}", "train", text, (PNEUMONIA,), evidence=marked), LABELS.columns, "en")
        for n in range(6)
    ]
    lexicon = fit_lexicon([*invented(40), *denying], len(LABELS))
    denied = read("Invented. No severe pneumonia.")
    assert feature(lexicon, denied, "in_scope", PNEUMONIA) > 0
    for name in ("span_best", "span_sum", "span_count", "whole_best", "whole_sum"):
        assert feature(lexicon, denied, name, PNEUMONIA) == 0.0


def test_a_family_phrase_is_learned_as_such() -> None:
    """Gout of the father points to the code for it, not to gout."""
    lexicon = fit_lexicon(invented(40), len(LABELS))
    note = read("Father with gout.")
    assert feature(lexicon, note, "in_scope", FAMILY) > feature(lexicon, note, "in_scope", GOUT)


def test_a_note_without_known_words_has_no_candidates() -> None:
    """Nothing said, nothing proposed; nor by an empty lexicon."""
    assert fit_lexicon(invented(), len(LABELS)).features("zyx qwv").columns.shape == (0,)
    assert fit_lexicon([], len(LABELS)).features("gout").values.shape == (0, len(NAMES))
    assert fit_lexicon(invented(), len(LABELS)).features("").columns.shape == (0,)
