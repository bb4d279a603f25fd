"""Windows without padding: every real token once, no other, in parts that fit."""

import pytest
import torch

from model.network.ragged_windows import ragged_windows


def mask_of(*lengths: int) -> torch.Tensor:
    return torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]


def test_windows_are_grouped_by_length_with_their_tokens_in_order() -> None:
    """The shortest first, those of one length in their own order."""
    windows = ragged_windows(mask_of(3, 1, 3, 2))
    assert windows.groups == ((1, 1), (1, 2), (2, 3))
    assert windows.index.tolist() == [3, 9, 10, 0, 1, 2, 6, 7, 8]


@pytest.mark.parametrize("most", [1, 4, 5, 7, 100])
def test_parts_hold_all_windows_within_the_budget(most: int) -> None:
    """A window longer than the budget is a part of its own."""
    windows = ragged_windows(mask_of(3, 1, 5, 3, 2, 5, 3, 3))
    parts = list(windows.parts(most))
    assert torch.cat([part.index for part in parts]).tolist() == windows.index.tolist()
    for part in parts:
        sizes = [count * length for count, length in part.groups]
        assert sum(sizes) == len(part.index)
        assert sum(sizes) <= most or part.groups == ((1, sizes[0]),)


def test_a_window_of_padding_alone_is_left_out() -> None:
    """It has no token to encode."""
    mask = mask_of(2, 3)
    mask[0] = False
    windows = ragged_windows(mask)
    assert (windows.index.tolist(), windows.groups) == ([3, 4, 5], ((1, 3),))
