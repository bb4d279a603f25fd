"""The losses that a study can name, each by one word."""

from collections.abc import Callable

from torch import nn

from model.errors import InvalidOption
from model.losses import SimilarityDissimilarityLoss
from model.losses.ablations import VARIANTS, AblatedSDLoss
from model.losses.own_loss import own_loss, own_loss_digest
from training.optimise.contrastive import BY_TEMPERATURE

BCE = "bce"
FLAG = "--losses"
TRIED_AT = 0.07
"""Temperature at which a loss of one's own is tried at the start; a cell tries it at its own."""
PLACED: dict[str, tuple[str, str]] = {
    "sd": ("outside", "weights"),
    "sd-positives": ("outside", "positives"),
    "sd-pooled": ("pooled", "positives"),
}
"""Placement and normalization; ``inside`` has the gradient of ANY and is not trained twice."""
RIVALS = tuple(name for name in BY_TEMPERATURE if name != "supcon")
"""SupCon takes one label a document."""
ABLATIONS = tuple(f"sd-{variant}" for variant in (*VARIANTS, "shuffled"))
"""SD ``outside`` over its weights, with another weight."""
NAMES = (BCE, *RIVALS, *PLACED, *ABLATIONS)


def study_loss(name: str, temperature: float, seed: int) -> nn.Module:
    """The contrastive loss of a name other than bce; ``seed`` is that of the shuffled weights.

    Raises:
        InvalidOption: an unknown name, or a loss of one's own that cannot be trained with.
    """
    if name in PLACED:
        return SimilarityDissimilarityLoss(temperature, *PLACED[name])
    if name in ABLATIONS:
        return AblatedSDLoss(name.removeprefix("sd-"), temperature, "weights", seed)
    if name in BY_TEMPERATURE:
        by_temperature: Callable[[float], nn.Module] = BY_TEMPERATURE[name]
        return by_temperature(temperature)
    return own_loss(name, temperature, FLAG)


def require_known(name: str) -> None:
    """Raise InvalidOption unless a study knows the loss, or it is a loss of one's own that can be trained with."""
    if name == "supcon":
        raise InvalidOption(f"--losses names '{name}', which takes one label a document: choose of {', '.join(NAMES)}")
    if name not in NAMES:
        own_loss(name, TRIED_AT, FLAG, built_in=NAMES)


def source_digest(name: str) -> str | None:
    """SHA-256 of the source of a loss of one's own; None of those that are built in."""
    return None if name in NAMES else own_loss_digest(name)
