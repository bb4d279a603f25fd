"""Slow twins of the losses: plain Python loops over sets in float64, straight from the definitions."""

import math
from collections.abc import Callable

from torch import Tensor

Sets = list[set[int]]


def label_sets(labels: Tensor) -> Sets:
    return [{column for column, member in enumerate(row) if member} for row in labels.tolist()]


def jaccard(s: set[int], t: set[int]) -> float:
    return len(s & t) / len(s | t) if s | t else 0.0


def sd_weight(s: set[int], t: set[int]) -> float:
    return len(s & t) / len(s) / (1 + len(t - s)) if s else 0.0


WEIGHTS: dict[str, Callable[[set[int], set[int]], float]] = {
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


def scores_of(z: Tensor, i: int, tau: float) -> dict[int, float]:
    return {a: float(z[i] @ z[a]) / tau for a in range(len(z)) if a != i}


def log_p(scores: dict[int, float]) -> dict[int, float]:
    normaliser = math.log(sum(math.exp(score) for score in scores.values()))
    return {a: score - normaliser for a, score in scores.items()}


def weighted_twin(name: str, z: Tensor, labels: Tensor, tau: float, by_weights: bool = False) -> float:
    """Mean over anchors with a positive of -sum_p w log p / |P|, or / sum w."""
    sets, weigh = label_sets(labels), WEIGHTS[name]
    values = []
    for i, s in enumerate(sets):
        logs = log_p(scores_of(z, i, tau))
        weights = {p: weigh(s, sets[p]) for p in logs if weigh(s, sets[p]) > 0}
        if weights:
            divisor = sum(weights.values()) if by_weights or name == "jaccard" else len(weights)
            values.append(-sum(weight * logs[p] for p, weight in weights.items()) / divisor)
    return sum(values) / len(values) if values else 0.0


def mulsupcon_twin(z: Tensor, labels: Tensor, tau: float, weighting: str) -> float:
    """One SupCon term a label of each anchor."""
    sets = label_sets(labels)
    total, number = 0.0, sum(map(len, sets))
    for i, s in enumerate(sets):
        logs = log_p(scores_of(z, i, tau))
        for label in s:
            positives = [p for p in logs if label in sets[p]]
            if positives:
                term = -sum(logs[p] for p in positives) / len(positives)
                total += term / number if weighting == "labels" else term / (len(sets) * len(s))
    return total


def jscl_twin(z: Tensor, labels: Tensor, tau: float) -> float:
    """-mean_a s_ia + log sum_a J_ia exp(s_ia), over anchors with an overlapping sample."""
    sets = label_sets(labels)
    values = []
    for i, s in enumerate(sets):
        scores = scores_of(z, i, tau)
        inside = sum(jaccard(s, sets[a]) * math.exp(score) for a, score in scores.items())
        if inside > 0:
            values.append(math.log(inside) - sum(scores.values()) / len(scores))
    return sum(values) / len(values) if values else 0.0
