"""A memory of earlier projections, so that a small batch is contrasted with many notes.

Cross-batch memory (Wang et al. 2020, CVPR, Sec. 3.2), with label sets: projections drift slowly enough for those of
earlier steps to serve as candidates, though no gradient reaches them.
"""

import torch
from torch import Tensor

from model.label_sets import LabelSets


class CrossBatchMemory:
    """The projections and label sets of the last ``size`` notes, first in, first out.

    A memory longer than an epoch holds earlier projections of the batch's own notes; they are
    treated as any other candidate.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._projections: Tensor | None = None
        self._labels: LabelSets | None = None
        self._device: torch.device | None = None

    def __len__(self) -> int:
        return 0 if self._projections is None else len(self._projections)

    def push(self, projections: Tensor, labels: LabelSets) -> None:
        """Append (M, D) projections, detached, and drop the oldest beyond ``size``."""
        projections = projections.detach()
        if self._projections is not None and self._labels is not None:
            projections = torch.cat([self._projections, projections])
            labels = LabelSets.joined([self._labels, labels])
        self._projections = projections[-self.size :].clone()
        self._labels = labels.last(self.size)

    def candidates(self, projections: Tensor, labels: LabelSets) -> tuple[Tensor, LabelSets, Tensor]:
        """The batch, with gradients, followed by the remembered rows, their labels, and each anchor's own column.

        Shape:
            projections (B, D); returns (B + remembered, D), as many label sets, and self_index (B,).
        """
        own = torch.arange(len(projections), device=projections.device)
        if self._projections is None or self._labels is None:
            return projections, labels, own
        return torch.cat([projections, self._projections]), LabelSets.joined([labels, self._labels]), own

    def to(self, device: torch.device | str) -> None:
        """Keep what is remembered, and what will be loaded, on a device."""
        self._device = torch.device(device)
        if self._projections is not None and self._labels is not None:
            self._projections, self._labels = self._projections.to(device), self._labels.to(device)

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint; nothing while the memory is empty."""
        if self._projections is None or self._labels is None:
            return {}
        return {
            "queue.projections": self._projections,
            "queue.columns": self._labels.columns,
            "queue.offsets": self._labels.offsets,
            "queue.num_labels": torch.tensor(self._labels.num_labels),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back what :meth:`state` gave."""
        self._projections = self._labels = None
        if "queue.projections" in state:
            num_labels = int(state["queue.num_labels"])
            self._projections = state["queue.projections"]
            self._labels = LabelSets(state["queue.columns"], state["queue.offsets"], num_labels)
            if self._device is not None:
                self.to(self._device)
