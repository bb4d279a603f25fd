"""The window encoder: a BERT or RoBERTa, split into frozen lower layers and trained upper ones."""

from typing import Any

from torch import Tensor, nn

from model.errors import InvalidOption

FAMILIES = ("bert", "roberta")
ARITHMETIC = ("model_type", "hidden_act", "num_attention_heads", "layer_norm_eps", "pad_token_id")


class WindowEncoder(nn.Module):
    """Token states of independent windows.

    The two halves exist so that training can compute the lower one once and keep its states on disk.
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

    def lower(self, input_ids: Tensor, window_mask: Tensor, depth: int) -> Tensor:
        """States after the embeddings and the first ``depth`` layers: (W, T) ids and mask to (W, T, H)."""
        states: Tensor = self.embeddings(input_ids=input_ids)
        return self._run(states, window_mask, 0, depth)

    def upper(self, states: Tensor, window_mask: Tensor, depth: int) -> Tensor:
        """States after the last layer from those after ``depth`` layers: (W, T, H) to (W, T, H)."""
        return self._run(states, window_mask, depth, self.num_layers)

    def forward(self, input_ids: Tensor, window_mask: Tensor) -> Tensor:
        """Token states (W, T, H); those of padding are arbitrary."""
        return self.upper(self.lower(input_ids, window_mask, 0), window_mask, 0)

    def _run(self, states: Tensor, window_mask: Tensor, first: int, last: int) -> Tensor:
        # No mask where nothing is padded: the attention kernel is faster without one.
        mask = None if bool(window_mask.all()) else window_mask[:, None, None, :]  # (W, 1, 1, T)
        for layer in self.layers[first:last]:
            states = layer(states, mask)
        return states


def longest_window(config: Any) -> int:
    """Most tokens a window, special tokens included. RoBERTa's positions begin after its padding index."""
    before = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return int(config.max_position_embeddings) - before
