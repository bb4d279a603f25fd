"""The coding network: window encoder, label attention, document embedding, projection head."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.batch import NoteBatch
from model.document_embedding import DocumentEmbedding, ProjectionHead
from model.encoder import WindowEncoder
from model.label_attention import LABEL_ATTENTIONS

WINDOWS_AT_ONCE = 32
"""Windows encoded together without gradients: bounds the activations of a long note; untuned."""


@dataclass(frozen=True)
class NetworkOutput:
    """Shape: logits (B, L); embeddings (B, H) unit rows; projections (B, D) unit rows."""

    logits: Tensor
    embeddings: Tensor
    projections: Tensor


class CodingNetwork(nn.Module):
    """Logits and embedding of a batch of notes.

    ``frozen_layers`` counts the encoder layers (after its embeddings, which are frozen with them) that get no
    gradient; -1 trains all.
    """

    def __init__(
        self,
        backbone: Any,
        num_labels: int,
        head: str = "plm-ca",
        precision: str = "fp32",
        frozen_layers: int = -1,
    ) -> None:
        super().__init__()
        self.encoder = WindowEncoder(backbone)
        hidden = self.encoder.hidden_size
        self.label_attention = LABEL_ATTENTIONS[head](hidden, num_labels)
        self.document_embedding = DocumentEmbedding(hidden)
        self.projection_head = ProjectionHead(hidden)
        self.precision = precision
        self.frozen_layers = frozen_layers
        self._freeze()

    def forward(self, batch: NoteBatch) -> NetworkOutput:
        states, mask = self.token_states(batch), batch.note_mask
        embeddings = self.document_embedding(states, mask)
        return NetworkOutput(self.label_attention(states, mask), embeddings, self.projection_head(embeddings))

    def projections(self, batch: NoteBatch) -> Tensor:
        """The projections (B, D) of :meth:`forward` alone, without label attention."""
        return self.projection_head(self.document_embedding(self.token_states(batch), batch.note_mask))  # type: ignore[no-any-return]

    def token_states(self, batch: NoteBatch) -> Tensor:
        """Token states by note, (B, N, H), in float32; float64 stays."""
        windows = self._window_states(batch)  # (W, T, H)
        windows = windows.to(torch.promote_types(windows.dtype, torch.float32))
        flat = windows.reshape(-1, windows.shape[-1])
        return flat[batch.token_index]

    def frozen_states(self, batch: NoteBatch) -> Tensor:
        """States after the frozen layers, (W, T, H), without a graph."""
        ids = _required_ids(batch)
        with torch.no_grad(), self._autocast(ids.device):
            return self.encoder.lower(ids, batch.window_mask, self.frozen_layers)

    def _window_states(self, batch: NoteBatch) -> Tensor:
        depth = max(self.frozen_layers, 0)
        if batch.states is not None:
            with self._autocast(batch.states.device):
                return self.encoder.upper(batch.states, batch.window_mask, depth)
        ids = _required_ids(batch)
        with self._autocast(ids.device):
            if torch.is_grad_enabled() or self.training:  # a replayed dropout needs the windows in one piece
                lower = self.encoder.lower(ids, batch.window_mask, depth)
                return self.encoder.upper(lower, batch.window_mask, depth)
            parts = torch.split(ids, WINDOWS_AT_ONCE)
            masks = torch.split(batch.window_mask, WINDOWS_AT_ONCE)
            return torch.cat([self.encoder(*pair) for pair in zip(parts, masks, strict=True)])

    def _autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def _freeze(self) -> None:
        if self.frozen_layers < 0:
            return
        for part in (self.encoder.embeddings, *self.encoder.layers[: self.frozen_layers]):
            part.requires_grad_(False)


def _required_ids(batch: NoteBatch) -> Tensor:
    if batch.input_ids is None:
        raise ValueError("the batch holds states, and token ids are needed here")
    return batch.input_ids
