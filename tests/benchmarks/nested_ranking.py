"""Nested cross-validation of the ranker: every note is judged by channels and fusions that never saw its fold.

For an outer fold k, the fusions learn from the other folds j, whose features come from channels that learned from
neither j nor k. Then everything learns from all folds but k, and ranks the notes of k.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.candidates import PROPOSED_PREFIX, Candidates
from model.dataset import Document
from model.icd import Code
from model.labels import LabelSpace
from model.lexicon.lexical_channels import LEXICON, SIBLINGS, TITLES
from model.lexicon.linear_phrases import LINEAR
from model.progress import with_progress
from model.ranking.channels import CLASSIFIER, NEIGHBOURS
from model.ranking.code_prior import PRIOR
from model.ranking.fusion import Fusion
from model.ranking.thresholds import GLOBAL, policy_named
from tests.benchmarks.nested_neighbours import neighbour_measures
from training.ranking.candidate_pairs import CandidatePairs
from training.ranking.fusion_fit import ValidationNote, fit_fusion, pairs_of_notes
from training.ranking.lexical_fit import LexicalFit
from training.ranking.ranker_fit import RankerFold, TrainingNoteCache, counted, validation_notes
from training.retrieval.measures import Measures
from training.run.cross_fit import HeldOut

Models = Callable[[frozenset[int], int], HeldOut]
"""What a classifier says that was trained without some folds, about the notes of one of them at least."""
ALONE = {
    CLASSIFIER: ("classifier.logit",),
    NEIGHBOURS: ("neighbours.vote_15",),
    LEXICON: ("lexicon.best", "lexicon.span_best", "lexicon.whole_best"),
    TITLES: ("titles.coverage",),
    SIBLINGS: ("kin.category", "kin.subcategory"),
    LINEAR: ("linear.score",),
    PRIOR: ("prior.log_share",),
}
"""Features whose sum ranks the candidates by one channel; codes of which it says nothing come last."""


@dataclass(frozen=True)
class RankedFold:
    """The candidates of an outer fold's notes, ranked by fusions and by every channel alone."""

    notes: Sequence[Document]
    pairs: CandidatePairs
    probabilities: np.ndarray
    """Calibrated, by the fusion (P,)."""
    scores: np.ndarray
    """Before calibration (P,)."""
    selected: np.ndarray
    """By the global threshold, bool (P,)."""
    prior: np.ndarray
    """Share of the training notes with the code (P,)."""
    sets: dict[float, np.ndarray]
    """By target rate, which pairs are in the conformal set."""
    alone: dict[str, np.ndarray]
    """By channel, its score of each pair (P,)."""
    seen: np.ndarray
    """Which codes of the code set, in the order of the alphabet, a training note has, bool (U,)."""
    searched: tuple[float, dict[str, Measures]] | None = None
    """The share of the codes in the similarity, and how near the neighbours of each system are."""


def ranked_folds(
    documents: Sequence[Document], folds: np.ndarray, models: Models, lexical: LexicalFit, neighbours: bool = True
) -> list[RankedFold]:
    """Every outer fold; ``folds`` (n,) says where each document belongs."""
    read = TrainingNoteCache(lexical)
    outer = [int(fold) for fold in np.unique(folds)]
    return [
        _ranked_fold(documents, folds, fold, models, lexical, read, neighbours)
        for fold in with_progress(outer, "outer folds", len(outer), "fold")
    ]


def part_without(
    documents: Sequence[Document], folds: np.ndarray, without: frozenset[int], judge: int, models: Models
) -> RankerFold:
    """The notes of the fold ``judge``, and the notes outside of all the folds in ``without`` to learn from."""
    found = models(without, judge)
    corpus, notes = np.flatnonzero(~np.isin(folds, list(without))), np.flatnonzero(folds == judge)
    return RankerFold(
        [documents[place] for place in corpus.tolist()],
        found.embeddings[corpus],
        [documents[place] for place in notes.tolist()],
        found.embeddings[notes],
        found.probabilities[np.searchsorted(found.places, notes)],
    )


def _ranked_fold(
    documents: Sequence[Document],
    folds: np.ndarray,
    outer: int,
    models: Models,
    lexical: LexicalFit,
    read: TrainingNoteCache,
    neighbours: bool,
) -> RankedFold:
    learned = [
        part_without(documents, folds, frozenset((fold, outer)), fold, models)
        for fold in np.unique(folds[folds != outer]).tolist()
    ]
    inner = [pair for each in learned for pair in validation_notes(each, lexical, read)]
    fusions = [fit_fusion([pair[used] for pair in inner]) for used in (False, True)]
    part = part_without(documents, folds, frozenset((outer,)), outer, models)
    pairs = validation_notes(part, lexical, read)
    counts = counted(lexical.code_set, part.corpus).train_counts
    ranked = rank_notes(
        part.notes,
        [pair[neighbours] for pair in pairs],
        fusions[neighbours].fusion,
        counts,
        len(part.corpus),
        alphabetical_places(lexical.code_set),
    )
    searched = neighbour_measures(learned, fusions[0], part, [pair[0] for pair in pairs], lexical.code_set)
    return replace(ranked, searched=searched)


def alphabetical_places(codes: LabelSpace) -> np.ndarray:
    """Place of each code by system and code, int64 (U,)."""
    return np.argsort(np.argsort(np.array([f"{label.system}\t{label.code}" for label in codes.labels])))


def rank_notes(
    documents: Sequence[Document],
    notes: Sequence[ValidationNote],
    fusion: Fusion,
    counts: np.ndarray,
    corpus: int,
    alphabetical: np.ndarray,
) -> RankedFold:
    """Candidates of held-out notes ranked by a fusion.

    Args:
        counts: training notes of each code (U,), of ``corpus`` notes in all.
        alphabetical: place of each code among all codes (U,), which becomes its column: codes that score alike must not
            come in the order of a label space that knows the held-out notes.
    """
    pairs = pairs_of_notes(notes)
    scores = np.concatenate([fusion.scores(note.candidates) for note in notes])
    probabilities = np.concatenate(
        [fusion.calibration.apply(fusion.scores(note.candidates), note.candidates.columns) for note in notes]
    )
    return RankedFold(
        documents,
        CandidatePairs(pairs.notes, alphabetical[pairs.columns], pairs.truth, pairs.missed),
        probabilities,
        scores,
        probabilities > policy_named(fusion.policies, GLOBAL).of(pairs.columns),
        counts[pairs.columns] / corpus,
        {each.target: each.member(scores) for each in fusion.conformal},
        {
            channel: np.concatenate([_alone(note.candidates, names) for note in notes])
            for channel, names in ALONE.items()
            if f"{PROPOSED_PREFIX}{channel}" in fusion.names
        },
        (counts > 0)[np.argsort(alphabetical)],
    )


def _alone(candidates: Candidates, names: Sequence[str]) -> np.ndarray:
    """Sum of some features, lowest where the channel is silent (C,)."""
    values = candidates.values[:, [candidates.names.index(name) for name in names]].astype(np.float64).sum(axis=1)
    return np.where(np.isnan(values), -np.inf, values)


def unseen_found(
    fold: RankedFold, code_set: LabelSpace, alphabetical: np.ndarray, top: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Assignments of codes that no training note has, by note: those among its first ``top``, and all of them.

    The X placeholders of the Spanish edition are none in ICD-10-CM: such a code is found with its stem, too.
    """
    order = np.lexsort((fold.pairs.columns, -fold.scores, -fold.probabilities, fold.pairs.notes))
    starts = np.searchsorted(fold.pairs.notes, np.arange(fold.pairs.num_notes + 1))
    found, total = np.zeros(len(fold.notes), dtype=np.int64), np.zeros(len(fold.notes), dtype=np.int64)

    def place(code: Code) -> int:
        column = code_set.column(code)
        return -1 if column is None else int(alphabetical[column])

    for note, document in enumerate(fold.notes):
        first = set(fold.pairs.columns[order[starts[note] : starts[note + 1]][:top]].tolist())
        for code in set(document.codes):
            if (own := place(code)) >= 0 and fold.seen[own]:
                continue
            stem = place(Code(code.system, code.code.rstrip("X").rstrip(".")))
            total[note] += 1
            found[note] += bool(({own, stem} - {-1}) & first)
    return found, total
