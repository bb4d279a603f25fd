"""Neighbours of held-out notes among the notes of other folds, found as a service finds them: by codes and text.

The codes of a query are what a fusion predicts that never saw its fold, and the share of the codes in the similarity
is chosen on the folds that the fusion learned from. The assigned codes of a query judge what is found, and are not
searched for, except by the ceiling.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.labels import LabelSpace
from training.evaluation.baselines import NeighbourSettings, fit_tfidf
from training.evaluation.bootstrap import mean_interval, paired_difference
from training.ranking.code_vectors_fit import fit_code_vectors
from training.ranking.fusion_fit import FittedFusion, ValidationNote
from training.ranking.ranker_fit import RankerFold, counted, searched_parts
from training.retrieval.code_search import stacked, stored_codes
from training.retrieval.measures import K, Measures, Relevance, measure
from training.retrieval.neighbour_sources import RANDOM, TFIDF
from training.retrieval.report import TITLES
from training.retrieval.search import nearest

SERVED, CODES, TEXT, CEILING = "served", "codes alone", "text alone", "assigned codes (ceiling)"


def neighbour_measures(
    learned: Sequence[RankerFold],
    fitted: FittedFusion,
    judged: RankerFold,
    notes: Sequence[ValidationNote],
    code_set: LabelSpace,
) -> tuple[float, dict[str, Measures]]:
    """The share of the codes that the learned folds choose, and the measures of each system on the judged fold.

    Args:
        fitted: without neighbours, on all notes of ``learned``, in their order.
        notes: of ``judged``, without neighbours.
    """
    codes = counted(code_set, judged.corpus)
    found = fit_code_vectors(
        searched_parts(learned, fitted, max(len(fold.notes) for fold in learned)), codes, len(judged.corpus)
    )
    vectors = found.vectors
    train_rows, rows = (
        [np.unique(codes.columns(document.codes)) for document in documents]
        for documents in (judged.corpus, judged.notes)
    )
    fusion = fitted.fusion
    predicted = [
        vectors.predicted(
            note.candidates.columns,
            fusion.calibration.apply(fusion.scores(note.candidates), note.candidates.columns),
        )
        for note in notes
    ]
    by_codes = (stacked(predicted, len(codes)) @ stored_codes(train_rows, vectors).T).toarray()
    by_text = judged.embeddings @ judged.corpus_embeddings.T
    relevance = Relevance(train_rows, len(codes))
    similarities = {
        SERVED: vectors.code_share * by_codes + (1 - vectors.code_share) * by_text,
        CODES: by_codes,
        TEXT: by_text,
        TFIDF: _tfidf(judged),
        RANDOM: np.random.default_rng(0).normal(size=by_text.shape),
        CEILING: np.array([relevance.jaccard(columns) for columns in rows]),
    }
    subjects = [document.subject_id for document in judged.notes]
    train_subjects = np.array([document.subject_id for document in judged.corpus], dtype=object)
    systems = {
        name: nearest(lambda start, stop, all_=block: all_[start:stop], subjects, train_subjects, K, name)
        for name, block in similarities.items()
    }
    return vectors.code_share, measure(systems, rows, subjects, train_rows, train_subjects, len(codes))


def _tfidf(fold: RankerFold) -> np.ndarray:
    vectorizer, fitted = fit_tfidf([document.text for document in fold.corpus], NeighbourSettings())
    queries: Any = vectorizer.transform([document.text for document in fold.notes])
    found: np.ndarray = (queries @ fitted.T).toarray()
    return found


def print_neighbours(folds: Sequence[tuple[float, dict[str, Measures]]]) -> None:
    """Every measure of every system over the queries of all folds, and the service's as ratios to TF-IDF's."""
    print("share of the codes by fold:", ", ".join(f"{share:g}" for share, _ in folds))
    for field, title in TITLES.items():
        values = {name: np.concatenate([getattr(each[name], field) for _, each in folds]) for name in folds[0][1]}
        for name, of_queries in values.items():
            defined = ~np.isnan(of_queries)
            interval = mean_interval(of_queries[defined])
            assert interval is not None
            print(f"{title:24} {name:26} {interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]")
        defined = ~np.isnan(values[SERVED]) & ~np.isnan(values[TFIDF])
        ahead = paired_difference(values[SERVED][defined], values[TFIDF][defined])
        assert ahead is not None
        ratio = values[SERVED][defined].mean() / values[TFIDF][defined].mean()
        ceiling = values[SERVED][defined].mean() / values[CEILING][defined].mean()
        print(
            f"{title:24} served / TF-IDF {ratio:.3f}, minus {ahead.value:.4f} [{ahead.low:.4f}, {ahead.high:.4f}], "
            f"/ ceiling {ceiling:.3f}, {int(defined.sum())} queries"
        )
