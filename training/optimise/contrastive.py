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
from model.losses.own_loss import own_loss
from training.optimise.cross_batch_memory import CrossBatchMemory
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
        memory: projections of earlier steps that are further candidates; 0 for none.
        match: the temperature at which the scale of ANY is taken over; None leaves the loss as it is.
    """

    def __init__(self, loss: nn.Module, memory: int = 0, match: float | None = None) -> None:
        self.loss = loss
        self.memory = CrossBatchMemory(memory) if memory else None
        self.match = match
        self.scale: float | None = None

    def __call__(self, projections: Tensor, labels: LabelSets) -> Tensor:
        """The loss of all notes of one optimiser step, a scalar: projections (B, D) unit rows, labels of B rows.

        With ``match`` the first batch with a positive fixes the scale; one without has no gradient to scale.
        """
        if self.match is not None and self.scale is None:
            self.scale = matching_factor(self.loss, self.match, projections, labels)
        if self.memory is None:
            value: Tensor = self.loss(projections, labels)
        else:
            value = self.loss(projections, labels, *self.memory.candidates(projections, labels))
        return value if self.scale is None else self.scale * value

    def to(self, device: torch.device | str) -> "ContrastiveTerm":
        """The same term on a device."""
        self.loss.to(device)
        if self.memory is not None:
            self.memory.to(device)
        return self

    def remember(self, projections: Tensor, labels: LabelSets) -> None:
        """Add what an optimiser step saw to the memory: (M, D), detached, with the labels of M rows."""
        if self.memory is not None:
            self.memory.push(projections, labels)

    def figures(self) -> dict[str, float]:
        """What the log should say beside the value."""
        scale = {} if self.scale is None else {"contrastive_scale": self.scale}
        return scale if self.memory is None else scale | {"queued": len(self.memory)}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to hold."""
        found = {f"loss.{name}": value for name, value in self.loss.state_dict().items()}  # buffers of one's own loss
        if self.scale is not None:
            found["scale"] = torch.tensor(self.scale, dtype=torch.float64)
        return found if self.memory is None else found | self.memory.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back what :meth:`state` gave."""
        self.scale = state["scale"].item() if "scale" in state else None
        own = {name.removeprefix("loss."): value for name, value in state.items() if name.startswith("loss.")}
        if own:
            self.loss.load_state_dict(own)
        if self.memory is not None:
            self.memory.load_state(state)


def projection_gradient(
    term: ContrastiveTerm, projections: Tensor, labels: LabelSets, factor: float
) -> tuple[Tensor, Tensor]:
    """The term's value and ``factor`` times its gradient.

    Back-propagating sum(projection * gradient) through the network gives the network the term's own gradient: the
    chain rule, cut where it can be cached (Gao et al. 2021, Sec. 3.2) or sent to another process.

    Shape:
        projections (V, B, D) unit rows without a graph; labels of B rows; a scalar and (V, B, D) back.

    Degenerate:
        Projections that are not finite give NaN in both, for the caller to tell.
    """
    if not torch.isfinite(projections).all():
        return projections.new_full((), torch.nan), torch.full_like(projections, torch.nan)
    views = len(projections)
    leaf = projections.flatten(0, 1).requires_grad_()  # (V * B, D), view after view
    with torch.enable_grad():
        value = term(leaf, LabelSets.joined([labels] * views))
        (gradient,) = torch.autograd.grad(factor * value, leaf)
    return value.detach(), gradient.view_as(projections)


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
    if options.loss in BY_TEMPERATURE:
        return BY_TEMPERATURE[options.loss](options.temperature)
    return own_loss(options.loss, options.temperature, queue=options.queue > 0)


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
