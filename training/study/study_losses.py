"""The losses that a study can name, each by one word."""

from collections.abc import Callable

from torch import nn

from model.errors import InvalidOption
from model.losses import SimilarityDissimilarityLoss
from model.losses.ablations import VARIANTS, AblatedSDLoss
from training.optimise.contrastive import BY_TEMPERATURE

BCE = "bce"
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
        InvalidOption: an unknown name.
    """
    require_known(name)
    if name in PLACED:
        return SimilarityDissimilarityLoss(temperature, *PLACED[name])
    if name in ABLATIONS:
        return AblatedSDLoss(name.removeprefix("sd-"), temperature, "weights", seed)
    by_temperature: Callable[[float], nn.Module] = BY_TEMPERATURE[name]
    return by_temperature(temperature)


def require_known(name: str) -> None:
    """Raise InvalidOption unless a study knows the loss."""
    if name not in NAMES:
        raise InvalidOption(f"--losses names '{name}': expected one of {', '.join(NAMES)}")
