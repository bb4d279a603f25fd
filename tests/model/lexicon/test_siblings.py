"""Siblings speak for a code, against the loop of the definition."""

import numpy as np

from model.candidates import ChannelFeatures
from model.labels import Label
from model.lexicon.lexicon_features import NAMES
from model.lexicon.siblings import EVIDENCE, LEAST, Siblings, category, subcategory
from model.lexicon.siblings import NAMES as SIBLING_NAMES
from model.lexicon.titles import NAMES as TITLE_NAMES

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


def named(coverage: dict[int, float] | None = None) -> ChannelFeatures:
    """What titles say: the codes from the best named to the worst."""
    coverage = coverage or {}
    values = np.zeros((len(coverage), len(TITLE_NAMES)), dtype=np.float32)
    best_first = sorted(coverage, key=lambda column: -coverage[column])
    for place, column in enumerate(sorted(coverage)):
        values[place, TITLE_NAMES.index("titles.log_rank")] = np.log2(1 + best_first.index(column))
    return ChannelFeatures(np.array(sorted(coverage), dtype=np.int64), values, TITLE_NAMES)


def test_evidence_is_that_of_the_best_other_code() -> None:
    """Category and subcategory, ties and lone codes, random evidence."""
    random = np.random.default_rng(0)
    for _ in range(50):
        evidence = {k: float(np.float32(random.choice([0.0, 0.5, random.random()]))) for k in range(len(CODES))}
        found = Siblings(CODES).of(lexical(evidence), named())
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
    assert Siblings(CODES).of(lexical({3: 0.9}), named()).columns.tolist() == [0, 1, 2]


def test_nothing_said_nothing_proposed() -> None:
    """An empty table, and a code set of no codes."""
    assert Siblings(CODES).of(lexical({}), named()).values.shape == (0, len(SIBLING_NAMES))
    assert Siblings([]).of(lexical({}), named()).columns.shape == (0,)


def test_siblings_are_ranked_by_their_titles() -> None:
    """Within the category: a better named code of another one changes nothing; unnamed ones come last."""
    found = Siblings(CODES).of(lexical({3: 0.9}), named({0: 0.6, 2: 0.8, 4: 1.0}))
    ranks = dict(
        zip(found.columns.tolist(), found.values[:, SIBLING_NAMES.index("kin.title_rank")].tolist(), strict=True)
    )
    assert ranks == {2: 0.0, 0: 1.0, 1: float(np.float32(np.log2(3)))}
    sizes = found.values[:, SIBLING_NAMES.index("kin.size")]
    assert sizes.tolist() == [2.0, 2.0, 2.0]
