"""Several notes as one flat list of windows, and the way back from windows to notes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.network.windows import WindowedNote


@dataclass(frozen=True)
class NoteBatch:
    """Windows of B notes.

    Shape:
        window_mask (W, T) bool, true on real tokens; token_index (B, N) int64 into the flattened (W * T) tokens;
        note_mask (B, N) bool, true on real tokens; input_ids (W, T) int64, or None where states stand in;
        states (W, T, H): hidden states after the frozen layers, or None.
    """

    window_mask: Tensor
    token_index: Tensor
    note_mask: Tensor
    input_ids: Tensor | None = None
    states: Tensor | None = None

    def to(self, device: torch.device | str) -> "NoteBatch":
        """The same batch on a device."""
        return NoteBatch(
            self.window_mask.to(device),
            self.token_index.to(device),
            self.note_mask.to(device),
            None if self.input_ids is None else self.input_ids.to(device),
            None if self.states is None else self.states.to(device),
        )


def batch_of_ids(notes: Sequence[WindowedNote], pad_id: int) -> NoteBatch:
    """Notes as token ids, padded to the longest window of the batch."""
    lengths = [note.lengths for note in notes]
    window_mask, token_index, note_mask = _layout(lengths)
    input_ids = torch.full(window_mask.shape, pad_id, dtype=torch.int64)
    input_ids[window_mask] = torch.from_numpy(np.concatenate([note.ids for note in notes]))
    return NoteBatch(window_mask, token_index, note_mask, input_ids=input_ids)


def batch_of_states(states: Sequence[np.ndarray], lengths: Sequence[np.ndarray]) -> NoteBatch:
    """Notes as the hidden states of their tokens, each (N, H), with the window lengths of each."""
    window_mask, token_index, note_mask = _layout(lengths)
    flat = torch.from_numpy(np.concatenate(states)).to(torch.float32)
    padded = torch.zeros(*window_mask.shape, flat.shape[1])
    padded[window_mask] = flat
    return NoteBatch(window_mask, token_index, note_mask, states=padded)


def _layout(lengths: Sequence[np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    windows = np.concatenate(lengths)
    width = int(windows.max())
    window_mask = torch.from_numpy(np.arange(width)[None, :] < windows[:, None])  # (W, T)
    positions = np.flatnonzero(window_mask.numpy().ravel())
    sizes = np.array([note.sum() for note in lengths])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    token_index = np.zeros((len(sizes), int(sizes.max())), dtype=np.int64)  # padding points at token 0, masked
    note_mask = np.arange(token_index.shape[1])[None, :] < sizes[:, None]
    for row, (start, size) in enumerate(zip(starts, sizes, strict=False)):
        token_index[row, :size] = positions[start : start + size]
    return window_mask, torch.from_numpy(token_index), torch.from_numpy(note_mask)
