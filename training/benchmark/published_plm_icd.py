"""The coder in its published form (PLM-ICD, Huang et al. 2022), to measure against.

Everything in float32; every note padded to the longest of the batch and cut into full windows, padding encoded too;
self-attention and label attention with their whole softmax matrices, which autograd keeps. It lives in the package
and not in the tests, since `icd-coder benchmark` gives the ratio on a user's own machine.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.network.label_attention import LABEL_ATTENTIONS


class NaiveNetwork(nn.Module):
    """Logits (B, L) from padded ids (B, W, T) and their mask."""

    def __init__(self, backbone: Any, num_labels: int, head: str) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(backbone)
        self.backbone.set_attn_implementation("eager")  # what transformers had when PLM-ICD was published
        self.head = LABEL_ATTENTIONS[head](backbone.config.hidden_size, num_labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        windows = self.backbone(ids.flatten(0, 1), attention_mask=mask.flatten(0, 1).long()).last_hidden_state
        states = windows.reshape(len(ids), -1, windows.shape[-1])  # (B, N, H)
        return logits_with_matrix(self.head, states, mask.flatten(1))


def logits_with_matrix(head: Any, states: Tensor, mask: Tensor) -> Tensor:
    """Logits (B, L) of states (B, N, H) by way of all weights (B, L, N) at once."""
    keys, values = head._keys_and_values(states)
    scores = (head.queries @ keys.transpose(1, 2)).masked_fill(~mask[:, None, :], -torch.inf)
    attended = torch.softmax(scores, dim=2) @ values  # (B, L, H)
    if hasattr(head, "norm"):
        attended = head.norm(attended)
    vectors = head.weights + head.output.weight if hasattr(head, "output") else head.weights
    logits: Tensor = (head.dropout(attended) * vectors).sum(dim=2) + head.bias
    return logits


def padded_notes(notes: Sequence[np.ndarray], window: int, pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and mask (B, W, T) of notes in full windows, all notes as long as the longest."""
    windows = -(-max(map(len, notes)) // window)
    ids = np.full((len(notes), windows * window), pad_id, dtype=np.int64)
    mask = np.zeros(ids.shape, dtype=bool)
    for row, note in enumerate(notes):
        ids[row, : len(note)], mask[row, : len(note)] = note, True
    shape = (len(notes), windows, window)
    return torch.from_numpy(ids).reshape(shape), torch.from_numpy(mask).reshape(shape)
