"""Fits a bundle's ranker on notes that none of its channels was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from model.candidates import Candidates
from model.dataset import Document
from model.labels import LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.progress import with_progress
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.channels import NEAREST
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.ranker import Ranker
from model.text.read_note import read_note
from training.ranking.code_vectors_fit import FittedCodeVectors, HeldOutQuery, SearchedPart, fit_code_vectors
from training.ranking.fusion_fit import FittedFusion, ValidationNote, fit_fusion
from training.ranking.lexical_fit import LexicalFit
from training.ranking.training_note import TrainingNote
from training.retrieval.search import highest, own_patient

MOST_NOTES = 20_000
"""Training notes that the lexical channels learn from, a random sample where there are more: memory; untuned."""
MOST_VALIDATION_NOTES = 4_000
"""Validation notes that the fusions learn from; a random sample where there are more; untuned."""


@dataclass(frozen=True)
class RankerFold:
    """Validation notes, and the training notes that the channels learn from; no patient is in both.

    Shape:
        corpus_embeddings (m, H) and embeddings (n, H), unit rows of one encoder; probabilities (n, L).
    """

    corpus: Sequence[Document]
    corpus_embeddings: np.ndarray
    notes: Sequence[Document]
    embeddings: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class FittedRanker:
    """A ranker with its cross-validated measurements."""

    ranker: Ranker
    without_neighbours: FittedFusion
    with_neighbours: FittedFusion
    code_vectors: FittedCodeVectors


def fit_ranker(folds: Sequence[RankerFold], learned_from: Sequence[Document], lexical: LexicalFit) -> FittedRanker:
    """Fit two fusions on the notes of all folds, without and with neighbours, and the channels on ``learned_from``.

    What the first predicts of the notes, out of fold, then chooses how similar notes are searched for.

    Raises:
        EmptyDataset: the notes are of fewer than two patients, or no candidate was assigned.
    """
    read = TrainingNoteCache(lexical)
    most = MOST_VALIDATION_NOTES // len(folds)
    notes = [pair for fold in folds for pair in validation_notes(fold, lexical, read, most)]
    fusions = [fit_fusion([pair[used] for pair in notes]) for used in (0, 1)]
    builder = candidate_builder_of(lexical, learned_from, lexical.fit(read.of(learned_from)))
    parts = searched_parts(folds, fusions[0], most)
    vectors = fit_code_vectors(parts, builder.codes, builder.documents)
    ranker = Ranker(builder, fusions[0].fusion, fusions[1].fusion, vectors.vectors)
    return FittedRanker(ranker, fusions[0], fusions[1], vectors)


def searched_parts(folds: Sequence[RankerFold], fitted: FittedFusion, most: int) -> list[SearchedPart]:
    """The held-out notes of each fold as queries among the notes that its channels learned from.

    Args:
        fitted: on at most ``most`` notes of each fold, in their order, without neighbours.
    """
    ends = iter(np.searchsorted(fitted.pairs.notes, np.arange(1, fitted.pairs.num_notes + 1)).tolist())
    parts, start = [], 0
    for fold in folds:
        queries = []
        for place in some_of(range(len(fold.notes)), most):
            own = slice(start, start := next(ends))
            columns, probabilities = fitted.pairs.columns[own], fitted.probabilities[own]
            queries.append(HeldOutQuery(fold.notes[place], columns, probabilities, fold.embeddings[place]))
        parts.append(SearchedPart(fold.corpus, fold.corpus_embeddings, queries))
    return parts


class TrainingNoteCache:
    """Cache of documents as the lexical channels learn from them, so that each is read once."""

    def __init__(self, lexical: LexicalFit) -> None:
        self._lexical = lexical
        self._known: dict[str, TrainingNote] = {}

    def of(self, documents: Sequence[Document]) -> list[TrainingNote]:
        """The documents, or a sample of MOST_NOTES of them."""
        chosen = some_of(documents, MOST_NOTES)
        fresh = [document for document in chosen if document.document_id not in self._known]
        if fresh:
            names = (document.document_id for document in fresh)
            self._known.update(zip(names, self._lexical.read(fresh), strict=True))
        return [self._known[document.document_id] for document in chosen]


def validation_notes(
    fold: RankerFold, lexical: LexicalFit, read: TrainingNoteCache, most: int = MOST_VALIDATION_NOTES
) -> list[tuple[ValidationNote, ValidationNote]]:
    """At most ``most`` notes of a fold as the fusions learn from them, each without neighbours and with.

    A code that neither the corpus nor a published table has is not a candidate: only the validation notes know it.
    """
    channels = lexical.fit(read.of(fold.corpus))
    builder = candidate_builder_of(lexical, fold.corpus, channels)
    allowed = lexical.in_table | (builder.codes.train_counts > 0)
    places = some_of(range(len(fold.notes)), most)
    notes = [fold.notes[place] for place in places]
    neighbours = nearest(fold.corpus_embeddings, fold.corpus, fold.embeddings[list(places)], notes)
    pairs = []
    shown = with_progress(places, "channels", len(places), "note")
    for place, document, found in zip(shown, notes, neighbours, strict=True):
        lexical_features = channels.channels(read_note(document.text, lexical.language))
        candidates = [builder.joined(lexical_features, fold.probabilities[place], used) for used in (None, found)]
        without, with_neighbours = (
            _validation_note(each.where(allowed[each.columns]), document, builder.codes) for each in candidates
        )
        pairs.append((without, with_neighbours))
    return pairs


Item = TypeVar("Item")


def some_of(items: Sequence[Item], most: int, seed: int = 0) -> Sequence[Item]:
    """All items, or a random sample of ``most``, in their order."""
    if len(items) <= most:
        return items
    drawn = np.random.default_rng(seed).choice(len(items), most, replace=False)
    return [items[place] for place in np.sort(drawn).tolist()]


def candidate_builder_of(
    lexical: LexicalFit, corpus: Sequence[Document], channels: LexicalChannels
) -> CandidateBuilder:
    """The candidate builder of channels that were fitted on a corpus; the label prior is the corpus's."""
    return CandidateBuilder(counted(lexical.code_set, corpus), len(corpus), channels)


def counted(codes: LabelSpace, documents: Sequence[Document]) -> LabelSpace:
    """The codes with ``count_train`` counted over these documents."""
    counts = np.zeros(len(codes), dtype=np.int64)
    for document in documents:
        counts[codes.columns(document.codes)] += 1
    return LabelSpace(
        tuple(replace(label, count_train=count) for label, count in zip(codes.labels, counts.tolist(), strict=True))
    )


def nearest(
    corpus: np.ndarray, learned_from: Sequence[Document], queries: np.ndarray, documents: Sequence[Document]
) -> list[list[RankingNeighbour]]:
    """The most similar training notes of each query, nearest first; those of its own patient are excluded.

    Shape:
        corpus (T, H) and queries (n, H), unit rows.
    """
    subjects = np.array([document.subject_id for document in learned_from], dtype=object)
    codes = [document.codes for document in learned_from]
    found = []
    for query, document in zip(queries, documents, strict=True):
        similarities = np.where(own_patient(document.subject_id, subjects), -np.inf, corpus @ query)
        places = highest(similarities, max(NEAREST)).tolist()
        found.append([RankingNeighbour(float(similarities[place]), codes[place]) for place in places])
    return found


def _validation_note(candidates: Candidates, document: Document, codes: LabelSpace) -> ValidationNote:
    assigned = codes.columns(document.codes)
    return ValidationNote(candidates, assigned, len(set(document.codes)) - len(assigned), document.subject_id)
