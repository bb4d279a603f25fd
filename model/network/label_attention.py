"""Label attention: each code attends to the tokens of one note at a time, so padding gets no weight."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.network.fused_attention import fused_attention

LABELS_AT_ONCE = {"cpu": 1024, "cuda": 16384}
"""Labels whose attended vectors are turned into logits together: on a CPU a few megabytes; untuned."""

Blocks = tuple[Tensor, ...]


class LabelAttention(nn.Module):
    """What both heads share: ragged notes, precision, and logits by blocks of labels.

    Only the attended vectors (L, H) of a note are kept for the backward pass, neither its weights (L, N) nor what lies
    between the vectors and the logits, which is computed again.

    ``precision`` is that of the matrix products; the softmax, the logits and all sums stay in float32.

    Shape:
        states (B, N, H), mask (B, N) true on real tokens, at least one a note; logits (B, L).
    """

    keys: nn.Linear
    queries: nn.Parameter
    dropout: nn.Dropout
    weights: nn.Parameter
    bias: nn.Parameter
    precision: str

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        flat, lengths = ragged(states, mask)
        with torch.autocast(flat.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            keys, values = self._keys_and_values(flat)
        values = values.to(keys.dtype)
        pairs = zip(torch.split(keys, lengths), torch.split(values, lengths), strict=True)
        size = LABELS_AT_ONCE["cpu" if flat.device.type == "cpu" else "cuda"]
        blocks = [torch.split(part, size) for part in (self.queries, self.weights, self.bias)]
        form = self._with_graph if torch.is_grad_enabled() else self._without_graph
        return torch.stack([form(*pair, *blocks) for pair in pairs])

    def attention(self, states: Tensor, columns: Tensor) -> Tensor:
        """Weights (k, N) of the label columns (k,) over the tokens of one unpadded note (N, H), in float32 at least."""
        scores = self.queries[columns] @ self._keys(states).T
        return torch.softmax(scores, dim=1, dtype=torch.promote_types(scores.dtype, torch.float32))

    def chosen_logits(self, states: Tensor, columns: Tensor) -> Tensor:
        """Logits (k,) of the label columns (k,) for one unpadded note (N, H), with a graph to the states."""
        with torch.autocast(states.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            keys, values = self._keys_and_values(states)
        attended = fused_attention(self.queries[columns], keys, values.to(keys.dtype))
        return self._logits(attended, self.weights[columns], self.bias[columns])

    def _keys(self, states: Tensor) -> Tensor:
        keys: Tensor = self.keys(states)
        return keys

    @abstractmethod
    def _keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of tokens (T, H), both (T, H)."""

    @abstractmethod
    def _logits(self, attended: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        """Logits (C,) of some labels from what they attended to (C, H)."""
        raise NotImplementedError

    def _with_graph(self, keys: Tensor, values: Tensor, queries: Blocks, weights: Blocks, bias: Blocks) -> Tensor:
        """Logits (L,) of a note, its tokens given as keys and values (N, H)."""
        attended = fused_attention(
            self.queries, keys, values
        )  # in one piece: the blocks' gradients of the keys add up inside
        parts = zip(torch.split(attended, len(queries[0])), weights, bias, strict=True)
        replay = self.training and self.dropout.p > 0
        return torch.cat(
            [checkpoint(self._logits, *part, use_reentrant=False, preserve_rng_state=replay) for part in parts]
        )

    def _without_graph(self, keys: Tensor, values: Tensor, queries: Blocks, weights: Blocks, bias: Blocks) -> Tensor:
        """The same, with the attended vectors of one block of labels at a time."""
        parts = zip(queries, weights, bias, strict=True)
        return torch.cat([self._logits(fused_attention(block, keys, values), *rest) for block, *rest in parts])


class PlmCaAttention(LabelAttention):
    r"""Cross-attention of learned label queries over tokens (the head of PLM-CA, Edin et al. 2024).

    K = H W_k, V = H W_v, A = softmax over real tokens of Q K^T, O = LayerNorm(A V),
    logit_l = (w + w_l) . O_l + b_l.

    Edin et al. have the shared vector w alone. The label's own w_l, zero at the start, and its bias b_l, which
    training starts at the log-odds of the label's frequency, are ours: see docs/decisions.
    """

    def __init__(self, hidden_size: int, num_labels: int, dropout: float = 0.1, precision: str = "fp32") -> None:
        super().__init__()
        self.keys = nn.Linear(hidden_size, hidden_size, bias=False)
        self.values = nn.Linear(hidden_size, hidden_size, bias=False)
        self.queries = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)  # 0.03: Edin et al.'s code
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, 1, bias=False)
        self.weights = nn.Parameter(torch.zeros(num_labels, hidden_size))
        self.bias = nn.Parameter(torch.zeros(num_labels))
        self.precision = precision

    def _keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self._keys(states), self.values(states)

    def _logits(self, attended: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        vectors = self.dropout(self.norm(attended))
        logits: Tensor = (vectors * (weights + self.output.weight)).sum(dim=1) + bias
        return logits


class LaatAttention(LabelAttention):
    r"""Label attention of PLM-ICD (Huang et al. 2022, after LAAT, Vu et al. 2020).

    Z = tanh(H W_1), A = softmax over real tokens of W_2 Z^T, logit_l = w_l . (A H)_l + b_l. The softmax is
    computed in float32: it overflows in 16 bits.
    """

    def __init__(self, hidden_size: int, num_labels: int, dropout: float = 0.1, precision: str = "fp32") -> None:
        super().__init__()
        self.keys = nn.Linear(hidden_size, hidden_size, bias=False)
        self.queries = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)
        self.dropout = nn.Dropout(dropout)
        self.weights = nn.Parameter(torch.randn(num_labels, hidden_size) * 0.03)
        self.bias = nn.Parameter(torch.zeros(num_labels))
        self.precision = precision

    def _keys(self, states: Tensor) -> Tensor:
        return super()._keys(states).tanh_()

    def _keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self._keys(states), states

    def _logits(self, attended: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        logits: Tensor = (self.dropout(attended) * weights).sum(dim=1) + bias
        return logits


def ragged(states: Tensor, mask: Tensor) -> tuple[Tensor, list[int]]:
    """Real tokens (T, H) of all notes, one note after the other, and how many each note has.

    Raises:
        ValueError: a note has none.
    """
    lengths: list[int] = mask.sum(dim=1).tolist()
    if 0 in lengths:
        raise ValueError(f"note {lengths.index(0)} of the batch has no token: leave it out")
    flat = states.reshape(-1, states.shape[2])
    if min(lengths) == mask.shape[1]:
        return flat, lengths
    return flat.index_select(0, mask.reshape(-1).nonzero()[:, 0]), lengths


LABEL_ATTENTIONS: dict[str, type[PlmCaAttention] | type[LaatAttention]] = {
    "plm-ca": PlmCaAttention,
    "plm-icd": LaatAttention,
}
