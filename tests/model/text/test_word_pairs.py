"""Pairs of neighbouring words as numbers."""

import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text.word_pairs import pair_numbers, share_known

WORDS = st.lists(st.sampled_from(["fever", "cough", "no", "and", "ñandú"]), max_size=12)


@given(WORDS, WORDS)
def test_the_share_is_that_of_a_set_of_pairs(words: list[str], learned: list[str]) -> None:
    """Each pair counts as often as it stands there."""
    known = set(pairwise(learned))
    pairs = list(pairwise(words))
    expected = sum(pair in known for pair in pairs) / len(pairs) if pairs else 0.0
    assert share_known(pair_numbers(words), np.unique(pair_numbers(learned))) == pytest.approx(expected)


def test_a_number_is_the_same_on_every_machine() -> None:
    """It is stored in bundles."""
    assert pair_numbers(["chest", "pain", "now"]).tolist() == [zlib.crc32(b"chest pain"), zlib.crc32(b"pain now")]
    assert pair_numbers(["one"]).tolist() == pair_numbers([]).tolist() == []
