"""The window encoder: a BERT or RoBERTa over a flat list of real tokens, split into frozen and trained layers."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.errors import InvalidOption
from model.network.ragged_windows import RaggedWindows, ragged_windows

FAMILIES = ("bert", "roberta")
ARITHMETIC = ("model_type", "hidden_act", "num_attention_heads", "layer_norm_eps", "pad_token_id")


class WindowEncoder(nn.Module):
    """Token states of independent windows.

    Everything but self-attention is done on one flat list of real tokens, and self-attention on all windows of one
    length together: nothing is padded, so that no kernel needs a mask (CUDA's flash kernel takes none).

    The two halves exist so that training can compute the lower one once and keep its states on disk.

    ``recompute`` keeps only the states between layers for the backward pass (gradient checkpointing).
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        if backbone.config.model_type not in FAMILIES:
            raise InvalidOption(
                f"the encoder is a '{backbone.config.model_type}': choose a BERT or RoBERTa ({', '.join(FAMILIES)})"
            )
        self.embeddings = backbone.embeddings
        self.layers = backbone.encoder.layer
        self.config = backbone.config
        self.recompute = False
        self._after_attention: Callable[[Any, Tensor, Tensor], Tensor] = _after_attention

    @property
    def hidden_size(self) -> int:
        return int(self.config.hidden_size)

    @property
    def arithmetic(self) -> str:
        """The settings that the states depend on and the weights do not show."""
        return " ".join(f"{name}={getattr(self.config, name, None)}" for name in ARITHMETIC)

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    def fuse(self, backend: str = "inductor") -> None:
        """Let torch.compile fuse what is done token by token; self-attention has kernels of its own.

        One compilation serves all layers, batches and lengths: the number of tokens is dynamic.
        """
        self._after_attention = torch.compile(_after_attention, dynamic=True, backend=backend)

    def lower(self, input_ids: Tensor, window_mask: Tensor, depth: int) -> Tensor:
        """States after the embeddings and the first ``depth`` layers: (W, T) ids and mask to (W, T, H)."""
        windows = ragged_windows(window_mask)
        return _padded(self.run(self.embed(input_ids, windows), windows, 0, depth), windows, window_mask)

    def upper(self, states: Tensor, window_mask: Tensor, depth: int) -> Tensor:
        """States after the last layer from those after ``depth`` layers: (W, T, H) to (W, T, H)."""
        windows = ragged_windows(window_mask)
        flat = self.run(flat_states(states, windows), windows, depth, self.num_layers)
        return _padded(flat, windows, window_mask)

    def forward(self, input_ids: Tensor, window_mask: Tensor) -> Tensor:
        """Token states (W, T, H); those of padding are 0."""
        return self.lower(input_ids, window_mask, self.num_layers)

    def embed(self, input_ids: Tensor, windows: RaggedWindows) -> Tensor:
        """Embeddings (T, H) of the real tokens among the ids (W, T)."""
        return flat_states(self.embeddings(input_ids=input_ids), windows)

    def run(self, states: Tensor, windows: RaggedWindows, first: int, last: int) -> Tensor:
        """States (T, H) after layer ``last`` from those before layer ``first``, in the order of the windows."""
        for layer in self.layers[first:last]:
            if self.recompute and torch.is_grad_enabled():
                states = checkpoint(self._layer, layer, states, windows.groups, use_reentrant=False)
            else:
                states = self._layer(layer, states, windows.groups)
        return states

    def _layer(self, layer: Any, states: Tensor, groups: tuple[tuple[int, int], ...]) -> Tensor:
        return self._after_attention(layer, _self_attention(layer.attention.self, states, groups), states)


def flat_states(states: Tensor, windows: RaggedWindows) -> Tensor:
    """Real tokens (T, H) of padded windows (W, T, H)."""
    return states.reshape(-1, states.shape[-1]).index_select(0, windows.index)


def longest_window(config: Any) -> int:
    """Most tokens a window, special tokens included. RoBERTa's positions begin after its padding index."""
    before = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return int(config.max_position_embeddings) - before


def _self_attention(attention: Any, states: Tensor, groups: tuple[tuple[int, int], ...]) -> Tensor:
    """What each token (T, H) takes from the others of its window, as in transformers' BertSelfAttention."""
    parts = []
    rows = [windows * length for windows, length in groups]
    projected = (attention.query(states), attention.key(states), attention.value(states))
    split = zip(*(torch.split(part, rows) for part in projected), strict=True)
    for (windows, length), triple in zip(groups, split, strict=True):
        shape = (windows, length, attention.num_attention_heads, attention.attention_head_size)
        query, key, value = (part.view(shape).transpose(1, 2) for part in triple)  # (w, heads, t, h)
        dropout = attention.dropout.p if attention.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=attention.scaling)
        parts.append(attended.transpose(1, 2).reshape(windows * length, -1))
    return torch.cat(parts)


def _after_attention(layer: Any, attended: Tensor, states: Tensor) -> Tensor:
    """The rest of a layer, token by token: projection, residuals, norms and feed-forward; all (T, H)."""
    after: Tensor = layer.feed_forward_chunk(layer.attention.output(attended, states))
    return after


def _padded(flat: Tensor, windows: RaggedWindows, window_mask: Tensor) -> Tensor:
    """Padded windows (W, T, H) of real tokens (T, H)."""
    places = flat.new_zeros(window_mask.numel(), flat.shape[1])
    return places.index_copy(0, windows.index, flat).view(*window_mask.shape, -1)
