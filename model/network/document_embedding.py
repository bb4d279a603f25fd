"""One unit vector a note: what the database of embeddings holds, and what the contrastive loss shapes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DocumentEmbedding(nn.Module):
    """L2-normalised mean of the token states plus a learned residual.

    The residual starts at zero: an untrained embedding is the encoder's own mean embedding, and training can
    only add to it.

    Shape:
        states (B, N, H), mask (B, N) true on real tokens; returns unit rows (B, H).
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden_size, hidden_size)
        self.outer = nn.Linear(hidden_size, hidden_size)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        weights = mask.to(states.dtype)
        mean = (weights[:, None, :] @ states)[:, 0] / weights.sum(dim=1, keepdim=True)  # (B, H)
        mean = F.normalize(mean, dim=1)
        return F.normalize(mean + self.outer(F.gelu(self.inner(mean))), dim=1)


class ProjectionHead(nn.Module):
    """The two-layer head between embedding and contrastive loss, unit rows out (Chen et al. 2020, Sec. 4.2).

    Used in training only; neighbours are searched in the embedding before it.
    """

    def __init__(self, hidden_size: int, projection_size: int = 128) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden_size, hidden_size)
        self.outer = nn.Linear(hidden_size, projection_size)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, H) to (B, D)."""
        return F.normalize(self.outer(torch.relu(self.inner(embeddings))), dim=1)
