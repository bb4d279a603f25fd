"""Sentences aligned by length, against every possible chain of beads."""

import random
from functools import cache
from itertools import product
from math import erfc, log, sqrt

import pytest

from training.prepare.gale_church import PRIORS, VARIANCE, Bead, align_sentences


def plain_cost(source: list[int], target: list[int], bead: Bead) -> float:
    """The paper's cost of one bead, with the error function of the standard library."""
    c = sum(target) / sum(source)
    s, t = sum(source[i] for i in bead.source), sum(target[j] for j in bead.target)
    delta = abs(t - s * c) / sqrt(max((s + t / c) / 2, 1.0) * VARIANCE)
    return -log(PRIORS[len(bead.source), len(bead.target)]) - log(max(erfc(delta / sqrt(2)), 1e-300))


def cheapest(source: list[int], target: list[int]) -> float:
    """The cost of the best chain, by trying all."""

    @cache
    def rest(i: int, j: int) -> float:
        if i == len(source) and j == len(target):
            return 0.0
        ways = [
            plain_cost(source, target, Bead(range(i, i + di), range(j, j + dj))) + rest(i + di, j + dj)
            for di, dj in PRIORS
            if i + di <= len(source) and j + dj <= len(target)
        ]
        return min(ways)

    return rest(0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_no_chain_is_cheaper(seed: int) -> None:
    """Random lengths, some sentences joined or lost."""
    draw = random.Random(seed)
    source = [draw.randint(20, 120) for _ in range(6)]
    target = [max(5, length + draw.randint(-10, 10)) for length in source]
    target[1:3] = [target[1] + target[2]]
    beads = align_sentences(source, target)
    assert sum(plain_cost(source, target, bead) for bead in beads) == pytest.approx(cheapest(source, target), abs=1e-3)


def test_every_sentence_lies_in_one_bead() -> None:
    """In order; a text without sentences is aligned with nothing."""
    for source, target in product(([], [30], [30, 80, 20]), repeat=2):
        beads = align_sentences(source, target)
        assert [i for bead in beads for i in bead.source] == list(range(len(source)))
        assert [j for bead in beads for j in bead.target] == list(range(len(target)))


def test_a_joined_sentence_is_found() -> None:
    """Two sentences that the translator made one."""
    assert Bead(range(1, 3), range(1, 2)) in align_sentences([60, 40, 50, 90], [62, 91, 88])
