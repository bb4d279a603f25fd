"""The coding network: window encoder, label attention, document embedding, projection head."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.network.batch import NoteBatch
from model.network.document_embedding import CODES, MEAN, DocumentEmbedding, ProjectionHead
from model.network.encoder import WindowEncoder, flat_states
from model.network.label_attention import LABEL_ATTENTIONS
from model.network.ragged_windows import RaggedWindows, ragged_windows

TOKENS_AT_ONCE = 4096
"""Tokens encoded together in inference: bounds the activations of a long note; untuned."""


@dataclass(frozen=True)
class NetworkOutput:
    """Shape: logits (B, L); embeddings (B, H) unit rows; projections (B, D) unit rows."""

    logits: Tensor
    embeddings: Tensor
    projections: Tensor


class CodingNetwork(nn.Module):
    """Logits and embedding of a batch of notes.

    ``frozen_layers`` counts the encoder layers (after its embeddings, which are frozen with them) that get no
    gradient; -1 trains all. ``pooling`` is what the embedding reads: mean, or codes as well, one of
    :data:`model.network.document_embedding.POOLINGS`.
    """

    def __init__(
        self,
        backbone: Any,
        num_labels: int,
        head: str = "plm-ca",
        precision: str = "fp32",
        frozen_layers: int = -1,
        pooling: str = MEAN,
    ) -> None:
        super().__init__()
        self.encoder = WindowEncoder(backbone)
        hidden = self.encoder.hidden_size
        self.label_attention = LABEL_ATTENTIONS[head](hidden, num_labels, precision=precision)
        self.document_embedding = DocumentEmbedding(hidden, num_labels if pooling == CODES else 0)
        self.projection_head = ProjectionHead(hidden)
        self.precision = precision
        self.pooling = pooling
        self.frozen_layers = frozen_layers
        self._freeze()

    def forward(self, batch: NoteBatch) -> NetworkOutput:
        states, mask = self.token_states(batch), batch.note_mask
        logits = self.label_attention(states, mask)
        embeddings = self.embed(states, mask, logits)
        return NetworkOutput(logits, embeddings, self.projection_head(embeddings))

    def embed(self, states: Tensor, mask: Tensor, logits: Tensor | None = None) -> Tensor:
        """Document embeddings (B, H) from token states (B, N, H) and mask (B, N).

        Label attention runs only where the embedding reads the codes and its ``logits`` (B, L) are not given.
        """
        if self.pooling == CODES and logits is None:
            logits = self.label_attention(states, mask)
        embeddings: Tensor = self.document_embedding(states, mask, logits)
        return embeddings

    def projections(self, batch: NoteBatch) -> Tensor:
        """The projections (B, D) of :meth:`forward` alone, without label attention where the embedding needs none."""
        return self.projection_head(self.embed(self.token_states(batch), batch.note_mask))  # type: ignore[no-any-return]

    def token_states(self, batch: NoteBatch) -> Tensor:
        """Token states by note, (B, N, H), in float32; float64 stays. Those of padding are arbitrary."""
        windows = ragged_windows(batch.window_mask)
        flat = self._flat_states(batch, windows)  # (T, H)
        place = torch.zeros(batch.window_mask.numel(), dtype=torch.int64, device=flat.device)
        place[windows.index] = torch.arange(len(flat), device=flat.device)
        states = flat.index_select(0, place[batch.token_index.reshape(-1)])
        states = states.to(torch.promote_types(states.dtype, torch.float32))
        return states.view(*batch.token_index.shape, -1)

    def frozen_states(self, batch: NoteBatch) -> Tensor:
        """States after the frozen layers, (W, T, H), without a graph."""
        ids = _required_ids(batch)
        with torch.no_grad(), self.autocast(ids.device):
            return self.encoder.lower(ids, batch.window_mask, self.frozen_layers)

    def _flat_states(self, batch: NoteBatch, windows: RaggedWindows) -> Tensor:
        """Last states (T, H) of the real tokens, in the order of ``windows``."""
        depth, last = max(self.frozen_layers, 0), self.encoder.num_layers
        with self.autocast(windows.index.device):
            if batch.states is None:
                states, depth = self.encoder.embed(_required_ids(batch), windows), 0
            else:
                states = flat_states(batch.states, windows)
            if torch.is_grad_enabled() or self.training:  # a replayed dropout needs the windows in one piece
                return self.encoder.run(states, windows, depth, last)
            parts = list(windows.parts(TOKENS_AT_ONCE))
            pieces = torch.split(states, [len(part.index) for part in parts])
            return torch.cat([self.encoder.run(*pair, depth, last) for pair in zip(pieces, parts, strict=True)])

    def autocast(self, device: torch.device) -> torch.autocast:
        """The precision of the network's matrix products, as a context."""
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
