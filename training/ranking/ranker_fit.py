"""Fits a bundle's ranker on notes that none of its channels learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from model.candidates import Candidates
from model.dataset import Document
from model.labels import LabelSpace
from model.lexicon.channels import LexicalChannels
from model.progress import with_progress
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.channels import NEAREST
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.ranker import Ranker
from model.text.read_note import ReadNote
from training.ranking.fusion_fit import FittedFusion, JudgedNote, fit_fusion
from training.ranking.lexical_fit import LexicalFit
from training.ranking.training_note import TrainingNote
from training.retrieval.search import highest, own_patient

MOST_NOTES = 20_000
"""Training notes that the lexical channels learn from, drawn at random where there are more: memory; untuned."""
MOST_JUDGED = 4_000
"""Notes that the fusions learn from, likewise."""


@dataclass(frozen=True)
class Part:
    """Notes to judge by, and those that the channels learned from instead: no patient is in both.

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
    """A ranker with what was measured on held-out notes."""

    ranker: Ranker
    without_neighbours: FittedFusion
    with_neighbours: FittedFusion


def fit_ranker(parts: Sequence[Part], learned_from: Sequence[Document], lexical: LexicalFit) -> FittedRanker:
    """Two fusions over the notes of all parts, and channels that learn from ``learned_from``.

    Raises:
        EmptyDataset: the notes are of fewer than two patients, or no candidate was assigned.
    """
    read = ReadNotes(lexical)
    judged = [pair for part in parts for pair in judged_part(part, lexical, read, MOST_JUDGED // len(parts))]
    fusions = [fit_fusion([pair[used] for pair in judged]) for used in (0, 1)]
    builder = candidate_builder_of(lexical, learned_from, lexical.fit(read.of(learned_from)))
    ranker = Ranker(builder, fusions[0].fusion, fusions[1].fusion)
    return FittedRanker(ranker, fusions[0], fusions[1])


class ReadNotes:
    """Documents as the lexical channels learn from them, each read once."""

    def __init__(self, lexical: LexicalFit) -> None:
        self._lexical = lexical
        self._known: dict[str, TrainingNote] = {}

    def of(self, documents: Sequence[Document]) -> list[TrainingNote]:
        """At most as many as the channels learn from."""
        chosen = some_of(documents, MOST_NOTES)
        fresh = [document for document in chosen if document.document_id not in self._known]
        if fresh:
            names = (document.document_id for document in fresh)
            self._known.update(zip(names, self._lexical.read(fresh), strict=True))
        return [self._known[document.document_id] for document in chosen]


def judged_part(
    part: Part, lexical: LexicalFit, read: ReadNotes, most: int = MOST_JUDGED
) -> list[tuple[JudgedNote, JudgedNote]]:
    """The notes of a part, at most ``most``, as the fusions learn from them: without neighbours and with.

    A code that neither the corpus nor a table has is no candidate: nobody could know of it but from the notes that are
    judged.
    """
    channels = lexical.fit(read.of(part.corpus))
    builder = candidate_builder_of(lexical, part.corpus, channels)
    possible = lexical.in_table | (builder.codes.train_counts > 0)
    places = some_of(range(len(part.notes)), most)
    notes = [part.notes[place] for place in places]
    voters = nearest(part.corpus_embeddings, part.corpus, part.embeddings[list(places)], notes)
    judged = []
    for place, document, found in zip(
        with_progress(places, "channels", len(places), "note"), notes, voters, strict=True
    ):
        from_text = channels.channels(ReadNote(document.text, lexical.language))
        pair = [builder.joined(from_text, part.probabilities[place], neighbours) for neighbours in (None, found)]
        pair = [candidates.where(possible[candidates.columns]) for candidates in pair]
        judged.append((_judged(pair[0], document, builder.codes), _judged(pair[1], document, builder.codes)))
    return judged


Item = TypeVar("Item")


def some_of(items: Sequence[Item], most: int, seed: int = 0) -> Sequence[Item]:
    """All of them, or ``most`` drawn at random, in their order."""
    if len(items) <= most:
        return items
    drawn = np.random.default_rng(seed).choice(len(items), most, replace=False)
    return [items[place] for place in np.sort(drawn).tolist()]


def candidate_builder_of(
    lexical: LexicalFit, corpus: Sequence[Document], channels: LexicalChannels
) -> CandidateBuilder:
    """Of channels that learned from a corpus: the label prior is the corpus's own."""
    return CandidateBuilder(counted(lexical.code_set, corpus), len(corpus), channels)


def counted(codes: LabelSpace, documents: Sequence[Document]) -> LabelSpace:
    """The same codes with the number of these documents as training documents."""
    counts = np.zeros(len(codes), dtype=np.int64)
    for document in documents:
        counts[codes.columns(document.codes)] += 1
    return LabelSpace(
        tuple(replace(label, count_train=count) for label, count in zip(codes.labels, counts.tolist(), strict=True))
    )


def nearest(
    corpus: np.ndarray, learned_from: Sequence[Document], queries: np.ndarray, documents: Sequence[Document]
) -> list[list[RankingNeighbour]]:
    """The most similar training notes of each query, nearest first, none of its own patient.

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


def _judged(candidates: Candidates, document: Document, codes: LabelSpace) -> JudgedNote:
    assigned = codes.columns(document.codes)
    return JudgedNote(candidates, assigned, len(set(document.codes)) - len(assigned), document.subject_id)
