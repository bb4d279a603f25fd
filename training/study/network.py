"""The small network of a study: a trunk, a classifier and a projection head over one embedding."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from model.network.document_embedding import ProjectionHead


@dataclass(frozen=True)
class StudyOutput:
    """Shape: logits (B, L); embeddings (B, H) unit rows; projections (B, D) unit rows."""

    logits: Tensor
    embeddings: Tensor
    projections: Tensor


class StudyNetwork(nn.Module):
    """Classifier and projection head read the output of the trunk, so the contrastive loss shapes what both share.

    Neighbours are searched in the embedding, as in :class:`model.network.network.CodingNetwork`, not in the projection.
    """

    def __init__(
        self,
        inputs: int,
        num_labels: int,
        hidden: int,
        projection: int,
        dropout: float,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.trunk = _vectors(inputs, hidden, dropout) if image_shape is None else _images(image_shape, hidden, dropout)
        self.classifier = nn.Linear(hidden, num_labels)
        self.projection_head = ProjectionHead(hidden, projection)

    def forward(self, features: Tensor) -> StudyOutput:
        """Features (B, F)."""
        states = self.trunk(features)  # (B, H)
        embeddings = F.normalize(states, dim=1)
        return StudyOutput(self.classifier(states), embeddings, self.projection_head(embeddings))


def _vectors(inputs: int, hidden: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, hidden))


def _images(shape: tuple[int, int], hidden: int, dropout: float) -> nn.Module:
    """Two convolutions and the maximum over the places that are left: a digit counts wherever it stands."""
    return nn.Sequential(
        nn.Unflatten(1, (1, *shape)),
        nn.Conv2d(1, 24, 5, stride=2, padding=2),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, 64, 3, stride=2, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(64, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
    )
