"""Leaving codes out of a ranking."""

from pathlib import Path

import numpy as np
import pytest

from model.ranking.selection import CodeChoice, ThresholdedRanking
from tests.factories import LABELS, NOTE, tiny_coder

RANKED = ThresholdedRanking(
    np.array([2, 0, 1]), np.array([0.9, 0.5, 0.1]), np.array([0.5, 0.5, 0.2]), (("a",), ("b",), ())
)


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        (CodeChoice(), [2, 0, 1]),
        (CodeChoice(minimum_probability=0.5), [2, 0]),
        (CodeChoice(np.array([True, True, False])), [0, 1]),
        (CodeChoice(np.array([True, True, False]), 0.2), [0]),
        (CodeChoice(np.zeros(3, dtype=bool)), []),
    ],
)
def test_what_is_left_keeps_its_order_and_its_numbers(choice: CodeChoice, columns: list[int]) -> None:
    """Channels and thresholds go with their codes, also where no channel is told."""
    found = choice.of(RANKED)
    assert found.columns.tolist() == columns
    for place, column in enumerate(columns):
        was = RANKED.columns.tolist().index(column)
        assert found.probabilities[place] == RANKED.probabilities[was]
        assert found.thresholds[place] == RANKED.thresholds[was]
        assert found.channels[place] == RANKED.channels[was]
    assert choice.of(ThresholdedRanking(RANKED.columns, RANKED.probabilities, RANKED.thresholds)).channels == ()


def test_a_coder_lists_the_best_of_what_is_left(tmp_path: Path) -> None:
    """As if the others had not been ranked, with the same evidence; of nothing left an empty list."""
    coder = tiny_coder(tmp_path / "bundle")
    whole = coder.predict([NOTE])[0].codes
    allowed = np.array([label.system == "icd9pcs" or label.code == "486" for label in LABELS.labels])
    found = coder.predict([NOTE], top_k=1, choice=CodeChoice(allowed))[0].codes
    first = next(code for code in whole if code.code in ("486", "00.66"))
    assert [(code.code, code.probability, code.evidence, code.rank) for code in found] == [
        (first.code, first.probability, first.evidence, 1)
    ]
    assert coder.predict([NOTE], choice=CodeChoice(minimum_probability=1.0))[0].codes == ()
