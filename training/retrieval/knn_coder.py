"""The k-NN coder: the vote of neighbours, alone and blended with the classifier, tuned on other documents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.ranking.neighbour_vote import label_votes
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.ranking_metrics import mean_average_precision
from training.retrieval.search import Neighbours

KS = (5, 10, 20, 30, 50, 100)
SHARPNESSES = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Cosines of mean token states lie between 0.7 and 1, so that only a high power tells near from far."""
WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))


@dataclass(frozen=True)
class Labelled:
    """Documents to tune on or to evaluate.

    Shape:
        probabilities (n, L); extra (n,), assigned codes that the label space lacks.
    """

    rows: Sequence[np.ndarray]
    extra: np.ndarray
    probabilities: np.ndarray
    neighbours: Neighbours

    @property
    def num_labels(self) -> int:
        return int(self.probabilities.shape[1])

    def some(self, chosen: np.ndarray) -> "Labelled":
        """The documents at the indices ``chosen``."""
        return Labelled(
            [self.rows[index] for index in chosen],
            self.extra[chosen],
            self.probabilities[chosen],
            Neighbours(self.neighbours.indices[chosen], self.neighbours.similarities[chosen]),
        )


@dataclass(frozen=True)
class VoteSettings:
    """How many neighbours vote, and the power of their similarity."""

    k: int
    sharpness: float


@dataclass(frozen=True)
class Tuned:
    """Tuned settings: the vote, its weight in the blend, and the thresholds of all three coders."""

    vote: VoteSettings
    weight: float
    """(1 - weight) * probability + weight * vote."""
    classifier_threshold: float
    vote_threshold: float
    blend_threshold: float


@dataclass(frozen=True)
class Scores:
    """Scores of the three coders, (n, L) float64 each."""

    classifier: np.ndarray
    vote: np.ndarray
    blend: np.ndarray


def votes(
    neighbours: Neighbours, train_rows: Sequence[np.ndarray], num_labels: int, settings: VoteSettings
) -> np.ndarray:
    """Weighted share of each label among the neighbours of each document, (n, L) float32 in 0 to 1."""
    found = np.zeros((len(neighbours.indices), num_labels), dtype=np.float32)
    for query in range(len(found)):
        indices, similarities = neighbours.of(query, settings.k)
        rows = [train_rows[index] for index in indices]
        found[query] = label_votes(similarities, rows, num_labels, settings.sharpness)
    return found


def blend(probabilities: np.ndarray, vote: np.ndarray, weight: float) -> np.ndarray:
    """(1 - weight) * probability + weight * vote, float64."""
    mixed: np.ndarray = (1 - weight) * probabilities.astype(np.float64) + weight * vote
    return mixed


def tune(documents: Labelled, train_rows: Sequence[np.ndarray]) -> Tuned:
    """The vote with the best mean average precision, then the weight, then thresholds with the best micro-F1.

    Ties go to the first: few neighbours, a low power, a low weight.

    Raises:
        EmptyDataset: no document has a code of the label space.
    """
    gold = Gold.from_rows(documents.rows, documents.num_labels, documents.extra)
    vote_settings, vote = _best_vote(documents, train_rows, gold)
    blends = ((weight, blend(documents.probabilities, vote, weight)) for weight in WEIGHTS)
    weight = max(blends, key=lambda pair: mean_average_precision(pair[1], gold))[0]
    scores = (documents.probabilities.astype(np.float64), vote, blend(documents.probabilities, vote, weight))
    thresholds = [best_global_threshold(each, documents.rows, documents.extra) for each in scores]
    return Tuned(vote_settings, weight, *thresholds)


def score(tuned: Tuned, documents: Labelled, train_rows: Sequence[np.ndarray]) -> Scores:
    """Score documents by settings that were tuned on others."""
    vote = votes(documents.neighbours, train_rows, documents.num_labels, tuned.vote)
    mixed = blend(documents.probabilities, vote, tuned.weight)
    return Scores(documents.probabilities.astype(np.float64), vote.astype(np.float64), mixed)


def halves(subjects: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the documents with no patient in both; an empty subject counts as a patient of its own."""
    groups = np.array([subject or f"\0{index}" for index, subject in enumerate(subjects)], dtype=object)
    patients = sorted(set(groups.tolist()))
    order = np.random.default_rng(seed).permutation(len(patients))
    first = {patients[place] for place in order[: len(patients) // 2].tolist()}
    member = np.array([group in first for group in groups], dtype=bool)
    return np.flatnonzero(member), np.flatnonzero(~member)


def _best_vote(documents: Labelled, train_rows: Sequence[np.ndarray], gold: Gold) -> tuple[VoteSettings, np.ndarray]:
    best: tuple[float, VoteSettings, np.ndarray] | None = None
    for settings in _grid(documents.neighbours.indices.shape[1]):
        vote = votes(documents.neighbours, train_rows, documents.num_labels, settings)
        reached = mean_average_precision(vote, gold)
        if best is None or reached > best[0]:
            best = (reached, settings, vote)
    if best is None:
        raise ValueError("the grid of the k-NN coder is empty")
    return best[1], best[2]


def _grid(most: int) -> Iterator[VoteSettings]:
    """All settings whose k is at most the neighbours that were searched for; at least one k."""
    for k in sorted({min(k, max(most, 1)) for k in KS}):
        for sharpness in SHARPNESSES:
            yield VoteSettings(k, sharpness)
