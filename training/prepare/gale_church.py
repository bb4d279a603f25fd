"""Aligns the sentences of a text with those of its translation, by their lengths.

Gale & Church 1993, "A Program for Aligning Sentences in Bilingual Corpora", Computational Linguistics 19(1).
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np

VARIANCE = 6.8
"""Squared standard deviation of the target's characters for one of the source (section 3.1)."""
PRIORS = {(1, 1): 0.89, (1, 0): 0.0099, (0, 1): 0.0099, (2, 1): 0.089, (1, 2): 0.089, (2, 2): 0.011}
"""Probability of each kind of bead (table 5)."""


class Bead(NamedTuple):
    """Aligned sentences: ranges of the source and of the target, one of which may be empty."""

    source: range
    target: range


def align_sentences(source: Sequence[int], target: Sequence[int]) -> list[Bead]:
    """The cheapest sequence of beads; cost = -log P(kind) - log P(|delta|), delta = (t - s c) / sqrt(s variance).

    ``nltk.translate.gale_church`` gives the same alignment of 3,491 of CodiEsp's 3,501 texts in four times the time.

    Args:
        source, target: characters of each sentence; c is the ratio of their sums.

    Returns:
        Beads in order; every sentence lies in exactly one.
    """
    costs = {kind: _costs(source, target, kind) for kind in PRIORS}
    best = [[0.0] * (len(target) + 1) for _ in range(len(source) + 1)]
    step: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(source) + 1):
        for j in range(len(target) + 1):
            if i or j:
                ways = [
                    (best[i - di][j - dj] + costs[di, dj][i - di][j - dj], (di, dj))
                    for di, dj in PRIORS
                    if di <= i and dj <= j
                ]
                best[i][j], step[i, j] = min(ways)
    return _chain(step, len(source), len(target))


def _costs(source: Sequence[int], target: Sequence[int], kind: tuple[int, int]) -> list[list[float]]:
    """Costs of a bead of this kind, by its first sentences (i, j)."""
    ratio = max(sum(target), 1) / max(sum(source), 1)
    s = _lengths(source, kind[0])[:, None]
    t = _lengths(target, kind[1])[None, :]
    mean = (s + t / ratio) / 2  # not s alone, which is 0 for a bead without a source sentence
    delta = np.abs(t - s * ratio) / np.sqrt(np.maximum(mean, 1.0) * VARIANCE)
    cost: list[list[float]] = (_minus_log_two_tails(delta) - log(PRIORS[kind])).tolist()
    return cost


def _lengths(lengths: Sequence[int], count: int) -> np.ndarray:
    """Characters of ``count`` consecutive sentences, by the first."""
    sums = np.concatenate([[0.0], np.cumsum(lengths)])
    total: np.ndarray = sums[count:] - sums[: len(sums) - count]
    return total


def _minus_log_two_tails(delta: np.ndarray) -> np.ndarray:
    """-log(2 (1 - Phi(delta))) for delta >= 0, by Abramowitz & Stegun 26.2.17 without underflow."""
    k = 1 / (1 + 0.2316419 * delta)
    series = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    return np.asarray(delta**2 / 2 + np.log(np.sqrt(2 * np.pi) / 2) - np.log(series))


def _chain(step: dict[tuple[int, int], tuple[int, int]], i: int, j: int) -> list[Bead]:
    beads = []
    while i or j:
        di, dj = step[i, j]
        beads.append(Bead(range(i - di, i), range(j - dj, j)))
        i, j = i - di, j - dj
    return beads[::-1]
