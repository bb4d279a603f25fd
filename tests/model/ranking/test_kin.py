"""Siblings speak for a code, against the loop of the definition."""

import numpy as np

from model.labels import Label
from model.ranking.channel_features import ChannelFeatures
from model.ranking.kin import EVIDENCE, LEAST, Kin, category, subcategory
from model.ranking.lexicon_features import NAMES

CODES = [
    Label("icd10cm", code, title)
    for code, title in (
        ("A04.7", "C. diff"),
        ("A04.71", "recurrent"),
        ("A04.72", "not recurrent"),
        ("A04.9", "Unspecified infection"),
        ("I10", "Hypertension"),
        ("M10.9", "Gout, unspecified"),
    )
]


def lexical(evidence: dict[int, float]) -> ChannelFeatures:
    """What a lexicon says, all of it by its first feature."""
    values = np.zeros((len(evidence), len(NAMES)), dtype=np.float32)
    values[:, EVIDENCE[0]] = list(evidence.values())
    return ChannelFeatures(np.array(list(evidence), dtype=np.int64), values, NAMES)


def test_evidence_is_that_of_the_best_other_code() -> None:
    """Category and subcategory, ties and lone codes, random evidence."""
    random = np.random.default_rng(0)
    for _ in range(50):
        evidence = {k: float(np.float32(random.choice([0.0, 0.5, random.random()]))) for k in range(len(CODES))}
        found = Kin(CODES).of(lexical(evidence))
        for place, group in ((0, category), (1, subcategory)):
            expected = {
                k: max((evidence[o] for o in evidence if o != k and group(CODES[o]) == group(CODES[k])), default=0.0)
                for k in evidence
            }
            for column, values in zip(found.columns.tolist(), found.values, strict=True):
                assert values[place] == np.float32(expected[column])
            if place == 0:
                assert found.columns.tolist() == [k for k in expected if expected[k] >= LEAST]


def test_an_unseen_sibling_is_proposed() -> None:
    """A04.9 speaks for the other codes of A04, and nobody for itself."""
    assert Kin(CODES).of(lexical({3: 0.9})).columns.tolist() == [0, 1, 2]


def test_nothing_said_nothing_proposed() -> None:
    """An empty table, and a universe of no codes."""
    assert Kin(CODES).of(lexical({})).values.shape == (0, 4)
    assert Kin([]).of(lexical({})).columns.shape == (0,)
