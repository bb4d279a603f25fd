"""Fits the signs by which a bundle recognises a note of another kind, and measures how often they err.

Every limit comes from notes that were held out of what they are compared with: those of a fold, by patient, and those
of the validation split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from model.dataset import Document
from model.text.known_words import words_of
from model.text.note_form import plain_note
from model.text.note_kind import LARGEST_DISTANCE, Limits, NoteKind, Signs, distance, doubt_of
from model.text.word_pairs import pair_numbers, share_known
from training.ranking.candidate_pairs import note_folds
from training.ranking.known_words_fit import fit_known_words, learned_words
from training.ranking.patients import SEVERAL, of_several, patients_of
from training.ranking.ranker_fit import RankerFold, some_of

MOST_NOTES = 5_000
"""Training notes that pairs and centres are learned from, a random sample where there are more; untuned."""
MOST_HELD = 1_000
"""Held-out notes of a fold that are measured, a random sample where there are more; untuned."""
LEAST_PATIENTS = 50
"""Fewest patients of the training notes; with fewer, or too few words, ordinary notes would be called unusual."""
NOTES_A_CENTRE = 16
MOST_CENTRES = 256
FALSE_ALARMS = 0.005
"""Held-out notes that each of the two signs calls unusual."""
DOUBTED_PAIRS = 0.15
"""Where doubt begins between the pairs that the words of a note have in random order, 0, and those of usual notes, 1;
untuned."""
DOUBTED_DISTANCE = 4.0
"""Where doubt begins, in largest usual distances; untuned."""


class HeldOut(NamedTuple):
    """Notes, and others to learn from; no patient is in both. Embeddings (n, H) are of one network, or None."""

    corpus: Sequence[Document]
    corpus_embeddings: np.ndarray | None
    notes: Sequence[Document]
    embeddings: np.ndarray | None


@dataclass(frozen=True)
class FittedKind:
    """The signs of a bundle, and how often they err on held-out notes."""

    kind: NoteKind
    notes: int
    unusual: int
    """Of the notes, those that are called unusual by limits fitted on others."""
    doubted: int
    """Of them, those for which no code would be selected; those of too few known words included."""

    @property
    def card(self) -> dict[str, Any]:
        """For the model card."""
        limits = {name: round(value, 4) for name, value in self.kind.limits._asdict().items()}
        return {"held_out_notes": self.notes, "unusual": self.unusual, "doubted": self.doubted, "limits": limits}


def fit_note_kind(
    learned_from: Sequence[Document],
    embeddings: np.ndarray | None,
    parts: Sequence[RankerFold],
    least: int = SEVERAL,
) -> FittedKind | None:
    """Fit pairs and centres on training notes, and their limits on held-out ones; None where there are too few.

    Args:
        embeddings: of the training notes by the bundle's network, (n, H); None leaves the distance out.
        parts: held-out notes of a ranker.
        least: fewest patients of a pair and of a group of embeddings; 1 counts as SEVERAL.
    """
    if len(np.unique(patients_of(learned_from))) < LEAST_PATIENTS:
        return None
    places = some_of(range(len(learned_from)), MOST_NOTES)
    notes = [learned_from[place] for place in places]
    rows = None if embeddings is None else embeddings[list(places)]
    if fit_known_words(notes, least) is None:
        return None
    cases = [HeldOut(part.corpus, part.corpus_embeddings, part.notes, part.embeddings) for part in parts]
    if len(cases) < 2:
        cases += _by_patient(notes, rows)
    held = [measured for case in cases for measured in _measure(case, least)]
    kind = NoteKind(known_pairs(notes, least), centres(rows, patients_of(notes), least), _limits(held))
    return FittedKind(kind, len(held), *_false_alarms(held))


def known_pairs(documents: Sequence[Document], least: int = SEVERAL) -> np.ndarray:
    """Pairs of neighbouring words in the notes of at least ``least`` patients, (P,) uint32, sorted."""

    def pairs_of(place: int) -> list[int]:
        pairs: list[int] = pair_numbers(learned_words(documents[place])).tolist()
        return pairs

    known = of_several(patients_of(documents), pairs_of, max(least, SEVERAL))
    return np.array(sorted(known), dtype=np.uint32)


def centres(embeddings: np.ndarray | None, patients: np.ndarray, least: int = SEVERAL) -> np.ndarray:
    """Centres of groups of embeddings, unit rows (K, H) float32; none of None.

    A group of fewer than ``least`` patients has no centre: that of one note is the note's embedding.

    Shape:
        embeddings (n, H); patients (n,), their numbers.
    """
    if embeddings is None:
        return np.zeros((0, 1), dtype=np.float32)
    number = min(MOST_CENTRES, max(1, len(embeddings) // NOTES_A_CENTRE))
    groups = KMeans(number, n_init=1, random_state=0).fit(embeddings).labels_
    least = max(least, SEVERAL)
    large = [group for group in range(number) if len(np.unique(patients[groups == group])) >= least]
    means = [embeddings[groups == group].mean(axis=0) for group in large] or [embeddings.mean(axis=0)]
    found = np.stack(means)
    unit: np.ndarray = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


class _Measured(NamedTuple):
    """What is measured of one held-out note."""

    signs: Signs
    known_in_random_order: float
    """Its share of known pairs with its words shuffled."""
    is_foreign: bool
    """Whether too few of its words are known."""
    subject: str


def _by_patient(notes: Sequence[Document], embeddings: np.ndarray | None) -> Iterator[HeldOut]:
    """Each fold of the notes beside the others."""
    folds = note_folds([document.subject_id for document in notes])
    for fold in np.unique(folds).tolist():
        held, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        rows = (None, None) if embeddings is None else (embeddings[others], embeddings[held])
        yield HeldOut([notes[i] for i in others.tolist()], rows[0], [notes[i] for i in held.tolist()], rows[1])


def _measure(case: HeldOut, least: int) -> Iterator[_Measured]:
    places = list(some_of(range(len(case.corpus)), MOST_NOTES))
    corpus = [case.corpus[place] for place in places]
    pairs = known_pairs(corpus, least)
    embeddings = None if case.corpus_embeddings is None else case.corpus_embeddings[places]
    groups = centres(embeddings, patients_of(corpus), least)
    known = fit_known_words(corpus, least)
    random = np.random.default_rng(0)
    for place in some_of(range(len(case.notes)), MOST_HELD):
        document = case.notes[place]
        text = plain_note(document.text).text
        words = words_of(text)
        far = None if case.embeddings is None else distance(case.embeddings[place], groups)
        yield _Measured(
            Signs(len(words), share_known(pair_numbers(words), pairs), far),
            share_known(pair_numbers(random.permutation(words).tolist()), pairs),
            known is not None and known.doubt(text) is not None,
            document.subject_id,
        )


def _limits(held: Sequence[_Measured]) -> Limits:
    """Quantiles of the held-out notes, and how far beyond them doubt begins.

    Rounded to hundredths, away from the usual notes: a quantile is the value of one note, by which who has its text
    could recognise it.
    """
    usual = _hundredths(np.floor, np.quantile([note.signs.known_pairs for note in held], FALSE_ALARMS, method="lower"))
    in_random_order = float(np.mean([note.known_in_random_order for note in held]))
    distances = [note.signs.distance for note in held if note.signs.distance is not None] or [LARGEST_DISTANCE]
    farthest = _hundredths(np.ceil, np.quantile(distances, 1 - FALSE_ALARMS, method="higher"))
    doubted = in_random_order + DOUBTED_PAIRS * max(0.0, usual - in_random_order)
    return Limits(usual, _hundredths(np.floor, min(doubted, usual)), farthest, DOUBTED_DISTANCE * farthest)


def _hundredths(towards: np.ufunc, value: float) -> float:
    return float(towards(100 * value)) / 100


def _false_alarms(held: Sequence[_Measured]) -> tuple[int, int]:
    """Unusual and doubted notes, each by limits of the notes of other patients."""
    folds = note_folds([note.subject for note in held])
    unusual = doubted = 0
    for fold in np.unique(folds).tolist():
        limits = _limits([held[place] for place in np.flatnonzero(folds != fold).tolist()])
        for place in np.flatnonzero(folds == fold).tolist():
            doubt = doubt_of(held[place].signs, limits)
            unusual += doubt is not None or held[place].is_foreign
            doubted += (doubt is not None and doubt.is_strong) or held[place].is_foreign
    return unusual, doubted
