"""The contrastive term by its name on the command line."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import InvalidOption
from model.losses import (
    AllLoss,
    AnyLoss,
    JaccardLoss,
    JSCLLoss,
    MulSupConLoss,
    MultiSupConLoss,
    SimilarityDissimilarityLoss,
    SupConLoss,
)
from training.options import TrainingOptions

BY_TEMPERATURE: dict[str, Callable[[float], nn.Module]] = {
    "supcon": SupConLoss,
    "all": AllLoss,
    "any": AnyLoss,
    "mulsupcon": MulSupConLoss,
    "multisupcon": MultiSupConLoss,
    "jaccard": JaccardLoss,
    "jscl": JSCLLoss,
}


class ContrastiveTerm:
    """The contrastive part of the training loss, with whatever it remembers from step to step."""

    def __init__(self, loss: nn.Module) -> None:
        self.loss = loss

    def __call__(self, projections: Tensor, targets: Tensor) -> Tensor:
        """The loss of all notes of one optimiser step, a scalar: projections (B, D) unit rows, targets (B, L)."""
        value: Tensor = self.loss(projections, targets)
        return value

    def to(self, device: torch.device | str) -> "ContrastiveTerm":
        """The same term on a device."""
        self.loss.to(device)
        return self

    def remember(self, projections: Tensor, targets: Tensor) -> None:
        """Take note of what an optimiser step saw, (M, D) and (M, L), detached."""

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to hold."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back what :meth:`state` gave."""


def contrastive_term(options: TrainingOptions) -> ContrastiveTerm | None:
    """The contrastive term of the options, None for plain BCE."""
    return None if options.loss == "bce" else ContrastiveTerm(loss_by_name(options))


def loss_by_name(options: TrainingOptions) -> nn.Module:
    """The loss module that ``--loss`` names."""
    if options.loss == "sd":
        return SimilarityDissimilarityLoss(options.temperature, options.placement, options.normalization)
    return BY_TEMPERATURE[options.loss](options.temperature)


def require_fitting_labels(loss: str, rows: Sequence[np.ndarray]) -> None:
    """Raise unless the loss is defined on these label columns.

    Raises:
        InvalidOption: SupCon, and a document with more than one code.
    """
    most = max((len(row) for row in rows), default=0)
    if loss == "supcon" and most > 1:
        raise InvalidOption(
            f"--loss supcon takes one code a document, and one here has {most}: choose 'all', 'any' or 'sd'"
        )
