"""The real tokens of many windows, without padding: windows are independent, so that they need no common length."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor


@dataclass(frozen=True)
class RaggedWindows:
    """Windows in order of length, the shortest first.

    Shape:
        index (T,) int64: place of each real token among the (W * T) of the padded windows; groups: how many windows
        there are of each length, as (windows, length), in the order of ``index``.
    """

    index: Tensor
    groups: tuple[tuple[int, int], ...]

    def parts(self, most_tokens: int) -> Iterator["RaggedWindows"]:
        """The same windows in several parts, each of at most ``most_tokens`` tokens or a single window."""
        groups: list[tuple[int, int]] = []
        start = stop = 0
        for windows, length in self.groups:
            while windows:
                fitting = min(windows, (most_tokens - (stop - start)) // length)
                if fitting < 1 and groups:
                    yield RaggedWindows(self.index[start:stop], tuple(groups))
                    groups, start = [], stop
                    continue
                taken = max(fitting, 1)
                groups.append((taken, length))
                windows, stop = windows - taken, stop + taken * length
        if groups:
            yield RaggedWindows(self.index[start:stop], tuple(groups))


def ragged_windows(window_mask: Tensor) -> RaggedWindows:
    """The windows of a mask (W, T), true on real tokens, which come first in each window."""
    lengths, order = window_mask.sum(dim=1).sort(stable=True)
    places = torch.arange(window_mask.numel(), device=window_mask.device).reshape(window_mask.shape)
    index = places[order][window_mask[order]]  # (T,)
    groups = tuple((len(list(same)), length) for length, same in groupby(lengths.tolist()) if length)
    return RaggedWindows(index, groups)
