"""Base class of the pair losses: arguments, checks and precision."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from model.label_sets import LabelSets
from model.losses.pairs import Batch, checked_batch, checked_temperature


class PairLoss(nn.Module, ABC):
    """Base of the losses over anchors and candidates; subclasses give :meth:`value`.

    Shape:
        embeddings: (B, D) unit rows; labels: (B, L) multi-hot or LabelSets of B rows; candidates: (M, D) unit rows;
        candidate_labels: (M, L) or LabelSets; self_index: (B,) int64, column of the anchor among the candidates,
        -1 if absent. Without candidates the batch is its own. Returns a scalar.

    Precision:
        Similarities and log-sum-exp are computed in float32 (float64 for float64 input), whatever comes in.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(
        self,
        embeddings: Tensor,
        labels: "Tensor | LabelSets",
        candidates: Tensor | None = None,
        candidate_labels: "Tensor | LabelSets | None" = None,
        self_index: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; 0, with a zero gradient, where no anchor has a positive."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return self.value(checked_batch(embeddings, labels, candidates, candidate_labels, self_index))

    @abstractmethod
    def value(self, batch: Batch) -> Tensor:
        """The loss of a checked batch."""
