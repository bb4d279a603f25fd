"""One unit vector a note: what the database of embeddings holds, and what the contrastive loss shapes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, CODES = "mean", "codes"
POOLINGS = (MEAN, CODES)
"""What a document embedding reads: the mean of the token states, or that and the probabilities of the codes."""


class DocumentEmbedding(nn.Module):
    """L2-normalised mean of the token states plus a learned residual.

    The residual starts at zero: an untrained embedding is the encoder's own mean embedding, and training can
    only add to it. With ``num_labels`` a second residual, which starts at zero as well, reads the codes.

    Shape:
        states (B, N, H), mask (B, N) true on real tokens, logits (B, L) of label attention, which are read with
        ``num_labels`` only; returns unit rows (B, H).
    """

    def __init__(self, hidden_size: int, num_labels: int = 0) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden_size, hidden_size)
        self.outer = nn.Linear(hidden_size, hidden_size)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        self.codes = CodeResidual(hidden_size, num_labels) if num_labels else None

    def forward(self, states: Tensor, mask: Tensor, logits: Tensor | None = None) -> Tensor:
        weights = mask.to(states.dtype)
        mean = (weights[:, None, :] @ states)[:, 0] / weights.sum(dim=1, keepdim=True)  # (B, H)
        mean = F.normalize(mean, dim=1)
        shaped = mean + self.outer(F.gelu(self.inner(mean)))
        if self.codes is not None:
            if logits is None:
                raise ValueError("the embedding reads the codes: give it the logits of label attention")
            shaped = shaped + self.codes(logits)
        return F.normalize(shaped, dim=1)


class CodeResidual(nn.Module):
    """W unit(sum over codes of p_c e_c): what a note is about, as a vector of the embedding's space.

    W starts at zero. The e_c start at random; training starts them from the titles and the rarity of the codes.

    Shape:
        logits (B, L); returns (B, H).
    """

    def __init__(self, hidden_size: int, num_labels: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(num_labels, hidden_size) / hidden_size**0.5)
        self.outer = nn.Linear(hidden_size, hidden_size, bias=False)
        nn.init.zeros_(self.outer.weight)

    def forward(self, logits: Tensor) -> Tensor:
        residual: Tensor = self.outer(F.normalize(torch.sigmoid(logits) @ self.vectors, dim=1))
        return residual


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
