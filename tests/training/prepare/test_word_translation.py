"""IBM model 1 against the loops of its definition."""

from collections import defaultdict

import pytest

from training.prepare.word_translation import LEAST_PROBABILITY, Pair, learn_translations, word_strengths

PAIRS: list[Pair] = [
    (["la", "casa"], ["the", "house"]),
    (["la", "casa", "verde"], ["the", "green", "house"]),
    (["la", "tos"], ["the", "cough"]),
    (["tos", "tos"], ["cough"]),
    ([], ["alone"]),
]


def plain_model_1(pairs: list[Pair], rounds: int) -> dict[str, dict[str, float]]:
    """Expectation and maximisation word by word."""
    t: defaultdict[tuple[str, str], float] = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        count: defaultdict[tuple[str, str], float] = defaultdict(float)
        total: defaultdict[str, float] = defaultdict(float)
        for source, target in pairs:
            for e in target:
                share = sum(t[f, e] for f in source)
                for f in source:
                    count[f, e] += t[f, e] / share
                    total[f] += t[f, e] / share
        for f, e in count:
            t[f, e] = count[f, e] / total[f]
    table: dict[str, dict[str, float]] = {}
    for (f, e), probability in t.items():
        if probability >= LEAST_PROBABILITY:
            table.setdefault(f, {})[e] = probability
    return table


@pytest.mark.parametrize("rounds", [1, 4, 20])
def test_probabilities_are_those_of_the_definition(rounds: int) -> None:
    """Every kept pair of words; words without a partner have none."""
    learned, plain = learn_translations(PAIRS, rounds), plain_model_1(PAIRS, rounds)
    assert {f: set(row) for f, row in learned.items()} == {f: set(row) for f, row in plain.items()}
    for f, row in plain.items():
        assert learned[f] == pytest.approx(row)


def test_words_find_each_other() -> None:
    """After some rounds the word that always comes along wins."""
    learned = learn_translations(PAIRS, 20)
    assert max(learned["casa"], key=learned["casa"].__getitem__) == "house"
    assert max(learned["tos"], key=learned["tos"].__getitem__) == "cough"


def test_nothing_is_learned_from_nothing() -> None:
    """No pairs, or one-sided ones."""
    assert learn_translations([]) == learn_translations([([], ["alone"])]) == {}


TEXTS = [
    (["dolor", "renal"], ["kidney", "pain"]),
    (["dolor"], ["pain"]),
    (["fiebre"], ["fever"]),
    (["fiebre", "y", "dolor"], ["fever", "and", "pain"]),
]


def test_a_strength_is_twice_the_mean_of_both_directions_and_at_most_1() -> None:
    """The geometric mean; what only one direction knows is left out."""
    forward, back = learn_translations(TEXTS), learn_translations([(right, left) for left, right in TEXTS])
    found = word_strengths(TEXTS)
    assert found["dolor"]["pain"] == 1.0
    for left, meanings in found.items():
        for right, strength in meanings.items():
            assert strength == pytest.approx(min(1, 2 * (forward[left][right] * back[right][left]) ** 0.5))
    assert "kidney" not in found["fiebre"]


def test_no_strength_is_learned_from_nothing() -> None:
    """No pairs, and pairs with an empty side."""
    assert word_strengths([]) == {}
    assert word_strengths([(["dolor"], [])]) == {}
