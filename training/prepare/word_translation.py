"""Word translation probabilities, learned from aligned sentences by IBM model 1.

Brown, Della Pietra, Della Pietra & Mercer 1993, "The Mathematics of Statistical Machine Translation",
Computational Linguistics 19(2), section 4.1, without the empty word.

Computed with numpy because the loops of ``nltk.translate.IBMModel1`` take 28 times as long (1,505 sentence pairs).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from model.progress import progress_bar

ROUNDS = 6
"""Rounds of expectation-maximisation; untuned."""
LEAST_PROBABILITY = 0.02
"""Translations with a lower probability are dropped; untuned."""
LEAST_PRODUCT = 0.01
"""Least product of the probabilities of both directions; like SCALE chosen on CodiEsp's first fold."""
SCALE = 2.0
"""strength = min(1, SCALE * sqrt(p(right | left) * p(left | right))): 1 when both probabilities are a half."""

WordTable = Mapping[str, Mapping[str, float]]
Pair = tuple[Sequence[str], Sequence[str]]


def learn_translations(pairs: Sequence[Pair], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """t(target word | source word) of each source word, at least LEAST_PROBABILITY; empty without pairs.

    Args:
        pairs: the words of a sentence, and those of its translation; a side may be empty.
    """
    source = _numbered(word for words, _ in pairs for word in words)
    target = _numbered(word for _, words in pairs for word in words)
    if not source or not target:
        return {}
    links, group = _links(pairs, source, target)
    cells, cell = np.unique(links, return_inverse=True)
    rows = cells // len(target)
    probability = _maximise(cell, group, rows, rounds)
    table: dict[str, dict[str, float]] = {}
    names, translations = list(source), list(target)
    for k in np.flatnonzero(probability >= LEAST_PROBABILITY):
        table.setdefault(names[rows[k]], {})[translations[cells[k] % len(target)]] = float(probability[k])
    return table


def _maximise(cell: np.ndarray, group: np.ndarray, rows: np.ndarray, rounds: int) -> np.ndarray:
    """Equations 17 and 18 of the paper.

    Shape:
        cell, group (K,): the pair of words that a link joins, and the target word's place; rows (C,): the source
        word of a pair. Returns (C,).
    """
    probability = np.ones(len(rows))
    with progress_bar("words", rounds, "round") as bar:
        for _ in range(rounds):
            weight = probability[cell]
            weight /= np.bincount(group, weight)[group]
            count = np.bincount(cell, weight, len(rows))
            probability = count / np.bincount(rows, count)[rows]
            bar.update(1)
    return probability


def _numbered(words: Iterable[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(dict.fromkeys(words))}


def _links(pairs: Sequence[Pair], source: dict[str, int], target: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a word and a word of the translated sentence: the number of the word pair, and the position of the
    target word, ascending."""
    links, groups, places = [], [], 0
    for left, right in pairs:
        if len(left) and len(right):
            s = np.array([source[word] for word in left], dtype=np.int64)
            t = np.array([target[word] for word in right], dtype=np.int64)
            links.append((t[:, None] + s[None, :] * len(target)).ravel())
            groups.append(np.repeat(np.arange(places, places + len(t)), len(s)))
            places += len(t)
    return np.concatenate(links), np.concatenate(groups)


def word_strengths(pairs: Sequence[Pair], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Strength, 0 to 1, of each right word for each left word, by IBM model 1 in both directions.

    Args:
        pairs: the words of a text, and those of its translation or paraphrase.
    """
    forward = learn_translations(pairs, rounds)
    back = learn_translations([(right, left) for left, right in pairs], rounds)
    table = {}
    for left, found in forward.items():
        products = {right: probability * back.get(right, {}).get(left, 0.0) for right, probability in found.items()}
        strengths = {
            right: min(1.0, SCALE * product**0.5) for right, product in products.items() if product >= LEAST_PRODUCT
        }
        if strengths:
            table[left] = strengths
    return table
