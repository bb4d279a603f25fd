"""Index lists of labels: joined, cut, and counted against plain Python sets."""

import pytest
import torch

from model.label_sets import LabelSets

ROWS = [[0, 2], [], [1], [0, 1, 3], []]


def members(sets: LabelSets) -> list[list[int]]:
    return [row.nonzero()[:, 0].tolist() for row in sets.to_multi_hot()]


def test_joined_rows_are_those_of_the_parts_in_order() -> None:
    """Empty rows and an empty part among them."""
    parts = [LabelSets.from_rows(rows, 4) for rows in (ROWS[:2], [], ROWS[2:])]
    joined = LabelSets.joined(parts)
    assert members(joined) == ROWS
    assert joined.sizes.tolist() == [2, 0, 1, 3, 0]


@pytest.mark.parametrize("number", range(7))
def test_the_last_rows_are_a_slice(number: int) -> None:
    """Of all rows where there are fewer."""
    last = LabelSets.from_rows(ROWS, 4).last(number)
    assert members(last) == (ROWS[-number:] if number else [])
    assert len(last) == min(number, 5)


def test_joined_and_cut_rows_share_labels_as_sets_do() -> None:
    """The offsets still point at the right columns."""
    sets = LabelSets.joined([LabelSets.from_rows(ROWS, 4), LabelSets.from_rows(ROWS[::-1], 4)]).last(7)
    expected = [[len(set(s) & set(t)) for t in members(sets)] for s in members(sets)]
    assert sets.shared(sets).tolist() == expected


def test_parts_of_different_label_spaces_are_refused() -> None:
    """With both numbers."""
    with pytest.raises(ValueError, match=r"parts must share one num_labels, got \[3, 4\]"):
        LabelSets.joined([LabelSets.from_rows([[0]], 4), LabelSets.from_rows([[0]], 3)])
    with pytest.raises(ValueError, match="parts must share one num_labels"):
        LabelSets.joined([])
    assert torch.equal(LabelSets.joined([LabelSets.from_rows([], 4)]).offsets, torch.zeros(1, dtype=torch.int64))
