"""The contrastive term by its name on the command line."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import InvalidOption
from model.label_sets import LabelSets
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
from training.optimise.cross_batch_memory import ProjectionQueue
from training.optimise.matched_scale import matching_factor
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
    """The contrastive part of the training loss, with whatever it remembers from step to step.

    Args:
        queue: projections of earlier steps that are further candidates; 0 for none.
        match: the temperature at which the scale of ANY is taken over; None leaves the loss as it is.
    """

    def __init__(self, loss: nn.Module, queue: int = 0, match: float | None = None) -> None:
        self.loss = loss
        self.queue = ProjectionQueue(queue) if queue else None
        self.match = match
        self.scale: float | None = None

    def __call__(self, projections: Tensor, labels: LabelSets) -> Tensor:
        """The loss of all notes of one optimiser step, a scalar: projections (B, D) unit rows, labels of B rows.

        With ``match`` the first batch with a positive fixes the scale; one without has no gradient to scale.
        """
        if self.match is not None and self.scale is None:
            self.scale = matching_factor(self.loss, self.match, projections, labels)
        if self.queue is None:
            value: Tensor = self.loss(projections, labels)
        else:
            value = self.loss(projections, labels, *self.queue.candidates(projections, labels))
        return value if self.scale is None else self.scale * value

    def to(self, device: torch.device | str) -> "ContrastiveTerm":
        """The same term on a device."""
        self.loss.to(device)
        if self.queue is not None:
            self.queue.to(device)
        return self

    def remember(self, projections: Tensor, labels: LabelSets) -> None:
        """Add what an optimiser step saw to the memory: (M, D), detached, with the labels of M rows."""
        if self.queue is not None:
            self.queue.push(projections, labels)

    def figures(self) -> dict[str, float]:
        """What the log should say beside the value."""
        scale = {} if self.scale is None else {"contrastive_scale": self.scale}
        return scale if self.queue is None else scale | {"queued": len(self.queue)}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to hold."""
        scale = {} if self.scale is None else {"scale": torch.tensor(self.scale, dtype=torch.float64)}
        return scale if self.queue is None else scale | self.queue.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back what :meth:`state` gave."""
        self.scale = state["scale"].item() if "scale" in state else None
        if self.queue is not None:
            self.queue.load_state(state)


def contrastive_term(options: TrainingOptions) -> ContrastiveTerm | None:
    """The contrastive term of the options, None for plain BCE."""
    if options.loss == "bce":
        return None
    match = options.temperature if options.match_scale else None
    return ContrastiveTerm(loss_by_name(options), options.queue, match)


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
