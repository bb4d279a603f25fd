"""Label attention: every code looks at the tokens that speak for it. Padding is masked in both forms."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlmCaAttention(nn.Module):
    r"""Cross-attention of learned label queries over tokens (the head of PLM-CA, Edin et al. 2024).

    K = H W_k, V = H W_v, A = softmax over real tokens of Q K^T, O = LayerNorm(A V),
    logit_l = (w + w_l) . O_l + b_l.

    Edin et al. have the shared vector w alone. The label's own w_l, zero at the start, and its bias b_l, which
    training starts at the log-odds of the label's frequency, are ours: see docs/decisions.

    Shape:
        states (B, N, H), mask (B, N) true on real tokens; logits (B, L).
    """

    def __init__(self, hidden_size: int, num_labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.keys = nn.Linear(hidden_size, hidden_size, bias=False)
        self.values = nn.Linear(hidden_size, hidden_size, bias=False)
        self.queries = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)  # 0.03: Edin et al.'s code
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, 1, bias=False)
        self.weights = nn.Parameter(torch.zeros(num_labels, hidden_size))
        self.bias = nn.Parameter(torch.zeros(num_labels))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        queries = self.queries[None].expand(len(states), -1, -1)  # (B, L, H)
        attended = F.scaled_dot_product_attention(
            queries[:, None],
            self.keys(states)[:, None],
            self.values(states)[:, None],
            mask[:, None, None, :],
            scale=1.0,
        )[:, 0]  # (B, L, H)
        attended = self.dropout(self.norm(attended))
        logits: Tensor = self.output(attended)[..., 0] + (attended * self.weights).sum(dim=2) + self.bias
        return logits

    def attention(self, states: Tensor, columns: Tensor) -> Tensor:
        """Weights (k, N) of the label columns (k,) over the tokens of one unpadded note (N, H)."""
        return torch.softmax(self.queries[columns] @ self.keys(states).T, dim=1)


class LaatAttention(nn.Module):
    r"""Label attention of PLM-ICD (Huang et al. 2022, after LAAT, Vu et al. 2020).

    Z = tanh(H W_1), A = softmax over real tokens of W_2 Z^T, logit_l = w_l . (A H)_l + b_l. The softmax is
    computed in float32: it overflows in 16 bits.

    Shape:
        states (B, N, H), mask (B, N) true on real tokens; logits (B, L).
    """

    def __init__(self, hidden_size: int, num_labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.keys = nn.Linear(hidden_size, hidden_size, bias=False)
        self.queries = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)
        self.dropout = nn.Dropout(dropout)
        self.weights = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)
        self.bias = nn.Parameter(torch.zeros(num_labels))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        scores = self.queries @ torch.tanh(self.keys(states)).transpose(1, 2)  # (B, L, N)
        scores = _at_least_float32(scores).masked_fill(~mask[:, None, :], -torch.inf)
        attended = torch.softmax(scores, dim=2).to(states.dtype) @ states  # (B, L, H)
        logits: Tensor = (self.dropout(attended) * self.weights).sum(dim=2) + self.bias
        return logits

    def attention(self, states: Tensor, columns: Tensor) -> Tensor:
        """Weights (k, N) of the label columns (k,) over the tokens of one unpadded note (N, H)."""
        scores = self.queries[columns] @ torch.tanh(self.keys(states)).T
        return torch.softmax(_at_least_float32(scores), dim=1)


def _at_least_float32(scores: Tensor) -> Tensor:
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


LABEL_ATTENTIONS: dict[str, type[PlmCaAttention] | type[LaatAttention]] = {
    "plm-ca": PlmCaAttention,
    "plm-icd": LaatAttention,
}
