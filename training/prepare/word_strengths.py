"""How surely one word stands for another, learned from pairs of texts that say the same."""

from collections.abc import Mapping, Sequence

from training.prepare.word_translation import ROUNDS, Pair, learn_translations

LEAST = 0.01
"""Words go together from this product of the two probabilities on: chosen on CodiEsp's first fold, as is DOUBLED."""
DOUBLED = 2.0
"""strength = min(1, DOUBLED * sqrt(p(right | left) * p(left | right))): two halves make it sure."""

WordTable = Mapping[str, Mapping[str, float]]


def word_strengths(pairs: Sequence[Pair], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Strength, 0 to 1, of each right word for each left word, by IBM model 1 in both directions.

    Args:
        pairs: the words of a text, and those of another that says the same.
    """
    forward = learn_translations(pairs, rounds)
    back = learn_translations([(right, left) for left, right in pairs], rounds)
    table = {}
    for left, found in forward.items():
        products = {right: probability * back.get(right, {}).get(left, 0.0) for right, probability in found.items()}
        strengths = {right: min(1.0, DOUBLED * product**0.5) for right, product in products.items() if product >= LEAST}
        if strengths:
            table[left] = strengths
    return table
