"""Pairs of neighbouring words of a text, as numbers: shuffled words are known from training, their pairs are not."""

import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def pair_numbers(words: Sequence[str]) -> np.ndarray:
    """CRC-32 of each two neighbouring words, in order: 4 bytes each, and the same on every machine.

    They hide nothing: who guesses a pair can look it up. What a bundle keeps is chosen where it is fitted.

    Shape:
        returns (n - 1,) uint32 for n words, (0,) for one or none.
    """
    return np.array([zlib.crc32(" ".join(pair).encode()) for pair in pairwise(words)], dtype=np.uint32)


def share_known(pairs: np.ndarray, known: np.ndarray) -> float:
    """Share of the pairs (n,) that are among known ones, sorted and distinct (P,); 0 without a pair."""
    if not len(pairs) or not len(known):
        return 0.0
    places = np.searchsorted(known, pairs)
    return float((known[np.minimum(places, len(known) - 1)] == pairs).mean())
