"""How surely one word stands for another."""

import pytest

from training.prepare.word_strengths import word_strengths
from training.prepare.word_translation import learn_translations

PAIRS = [
    (["dolor", "renal"], ["kidney", "pain"]),
    (["dolor"], ["pain"]),
    (["fiebre"], ["fever"]),
    (["fiebre", "y", "dolor"], ["fever", "and", "pain"]),
]


def test_a_strength_is_twice_the_mean_of_both_directions_and_at_most_1() -> None:
    """The geometric mean; what only one direction knows is left out."""
    forward, back = learn_translations(PAIRS), learn_translations([(right, left) for left, right in PAIRS])
    found = word_strengths(PAIRS)
    assert found["dolor"]["pain"] == 1.0
    for left, meanings in found.items():
        for right, strength in meanings.items():
            assert strength == pytest.approx(min(1, 2 * (forward[left][right] * back[right][left]) ** 0.5))
    assert "kidney" not in found["fiebre"]


def test_nothing_is_learned_from_nothing() -> None:
    """No pairs, and pairs with an empty side."""
    assert word_strengths([]) == {}
    assert word_strengths([(["dolor"], [])]) == {}
