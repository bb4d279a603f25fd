"""Slow twins of the losses: plain Python loops over sets in float64, straight from the definitions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

Sets = list[set[int]]
Weigh = Callable[[set[int], set[int]], float]


def label_sets(labels: Tensor) -> Sets:
    return [{column for column, member in enumerate(row) if member} for row in labels.tolist()]


@dataclass(frozen=True)
class Problem:
    """Anchors against candidates; ``place[i]`` is the column of anchor i itself, -1 if it is none of them."""

    z: Tensor
    labels: Tensor
    candidates: Tensor
    candidate_labels: Tensor
    place: list[int]

    @cached_property
    def s(self) -> Sets:
        return label_sets(self.labels)

    @cached_property
    def t(self) -> Sets:
        return label_sets(self.candidate_labels)

    def scores(self, i: int, tau: float) -> dict[int, float]:
        """s_ia of all candidates but the anchor itself."""
        return {
            a: float(self.z[i] @ self.candidates[a]) / tau for a in range(len(self.candidates)) if a != self.place[i]
        }


def within_batch(z: Tensor, labels: Tensor) -> Problem:
    return Problem(z, labels, z, labels, list(range(len(z))))


def jaccard(s: set[int], t: set[int]) -> float:
    return len(s & t) / len(s | t) if s | t else 0.0


def sd_weight(s: set[int], t: set[int]) -> float:
    return len(s & t) / len(s) / (1 + len(t - s)) if s else 0.0


WEIGHTS: dict[str, Weigh] = {
    "supcon": lambda s, t: float(bool(s & t)),
    "all": lambda s, t: float(s == t and bool(s)),
    "any": lambda s, t: float(bool(s & t)),
    "multisupcon": lambda s, t: jaccard(s, t) if jaccard(s, t) >= 0.3 else 0.0,
    "jaccard": jaccard,
    "sd": sd_weight,
    "similarity": lambda s, t: len(s & t) / len(s) if s else 0.0,
    "dissimilarity": lambda s, t: bool(s & t) / (1 + len(t - s)),
    "symmetric": lambda s, t: (sd_weight(s, t) + sd_weight(t, s)) / 2,
    "exponential": lambda s, t: len(s & t) / len(s) * math.exp(-len(t - s)) if s else 0.0,
    "root": lambda s, t: len(s & t) / len(s) / math.sqrt(1 + len(t - s)) if s else 0.0,
    "relative": lambda s, t: len(s & t) / len(s) * len(s & t) / len(t) if s and t else 0.0,
}


def log_p(scores: dict[int, float]) -> dict[int, float]:
    normaliser = math.log(sum(math.exp(score) for score in scores.values()))
    return {a: score - normaliser for a, score in scores.items()}


def anchor_weights(problem: Problem, i: int, weigh: Weigh) -> dict[int, float]:
    """Weights of the anchor's positives, by candidate."""
    others = [a for a in range(len(problem.t)) if a != problem.place[i]]
    weights = {p: weigh(problem.s[i], problem.t[p]) for p in others}
    return {p: weight for p, weight in weights.items() if weight > 0}


def weighted_twin(problem: Problem, tau: float, weigh: Weigh, by_weights: bool = False) -> float:
    """Mean over anchors with a positive of -sum_p w log p / |P|, or / sum w."""
    return matrix_twin(problem, tau, [anchor_weights(problem, i, weigh) for i in range(len(problem.s))], by_weights)


def matrix_twin(problem: Problem, tau: float, rows: list[dict[int, float]], by_weights: bool = False) -> float:
    """The same with the weights of every anchor's positives given."""
    values = []
    for i, weights in enumerate(rows):
        if weights:
            logs = log_p(problem.scores(i, tau))
            divisor = sum(weights.values()) if by_weights else len(weights)
            values.append(-sum(weight * logs[p] for p, weight in weights.items()) / divisor)
    return sum(values) / len(values) if values else 0.0


def inside_twin(problem: Problem, tau: float) -> float:
    """Mean over anchors with a positive of -sum_p log(K p) / |P|."""
    values = []
    for i in range(len(problem.s)):
        if weights := anchor_weights(problem, i, sd_weight):
            logs = log_p(problem.scores(i, tau))
            values.append(-sum(math.log(k * math.exp(logs[p])) for p, k in weights.items()) / len(weights))
    return sum(values) / len(values) if values else 0.0


def pooled_twin(problem: Problem, tau: float) -> float:
    """Mean over anchors with a positive of -log(sum_p K p) / |P|."""
    values = []
    for i in range(len(problem.s)):
        if weights := anchor_weights(problem, i, sd_weight):
            logs = log_p(problem.scores(i, tau))
            values.append(-math.log(sum(k * math.exp(logs[p]) for p, k in weights.items())) / len(weights))
    return sum(values) / len(values) if values else 0.0


def mulsupcon_twin(problem: Problem, tau: float, weighting: str) -> float:
    """One SupCon term a label of each anchor."""
    total, number = 0.0, sum(map(len, problem.s))
    for i, s in enumerate(problem.s):
        logs = log_p(problem.scores(i, tau)) if s else {}
        for label in s:
            positives = [p for p in logs if label in problem.t[p]]
            if positives:
                term = -sum(logs[p] for p in positives) / len(positives)
                total += term / number if weighting == "labels" else term / (len(problem.s) * len(s))
    return total


def jscl_twin(problem: Problem, tau: float) -> float:
    """-mean_a s_ia + log sum_a J_ia exp(s_ia), over anchors with an overlapping sample."""
    values = []
    for i, s in enumerate(problem.s):
        scores = problem.scores(i, tau)
        inside = sum(jaccard(s, problem.t[a]) * math.exp(score) for a, score in scores.items())
        if inside > 0:
            values.append(math.log(inside) - sum(scores.values()) / len(scores))
    return sum(values) / len(values) if values else 0.0
