"""A network without its label attention for a while: what trains the embedding alone need not pay for every label."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from model.network.network import CodingNetwork


class NoLabelAttention(nn.Module):
    """Says nothing of any label: logits of 0 without a graph.

    Shape:
        states (B, N, H), mask (B, N); returns (B, L).
    """

    bias: Tensor

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.register_buffer("bias", torch.zeros(num_labels))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 - the signature of a label attention
        return self.bias.to(states.dtype).expand(len(states), -1)


@contextmanager
def without_label_attention(network: CodingNetwork) -> Iterator[None]:
    """Within, the network has no label attention to compute, train or save; afterwards its own again, untouched."""
    label_attention = network.label_attention
    network.register_module(
        "label_attention", NoLabelAttention(len(label_attention.bias)).to(label_attention.bias.device)
    )
    try:
        yield
    finally:
        network.register_module("label_attention", label_attention.to(next(network.parameters()).device))
