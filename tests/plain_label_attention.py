"""Label attention as it is published: every weight of every label and token in one matrix, autograd for the rest."""

import torch
from torch import Tensor, nn


def plain_logits(attention: nn.Module, states: Tensor, mask: Tensor) -> Tensor:
    """Logits (B, L) by the parameters of either head; all notes at once, padding masked."""
    laat = not hasattr(attention, "norm")
    keys = states @ attention.keys.weight.T
    keys = torch.tanh(keys) if laat else keys
    values = states if laat else states @ attention.values.weight.T
    scores = attention.queries @ keys.transpose(1, 2)  # (B, L, N)
    attended = torch.softmax(scores.masked_fill(~mask[:, None, :], -torch.inf), dim=2) @ values  # (B, L, H)
    return plain_scores(attention, attended)


def plain_scores(attention: nn.Module, attended: Tensor) -> Tensor:
    """Logits (..., L) of attended vectors (..., L, H)."""
    if not hasattr(attention, "norm"):
        return (attention.dropout(attended) * attention.weights).sum(dim=-1) + attention.bias
    vectors = attention.dropout(attention.norm(attended))
    own = (vectors * attention.weights).sum(dim=-1)
    return attention.output(vectors)[..., 0] + own + attention.bias
