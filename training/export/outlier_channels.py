"""Channels with far larger values than the others, which would cost all the others their precision in int8.

One scale serves a whole matrix, so a neuron that reaches 25 where the others stay below 6 leaves them a quarter of the
256 steps. As in LLM.int8() (Dettmers et al. 2022, Sec. 3.2) such channels keep floating point; here only what lies
beyond the others' range does, which is added by a product of a few columns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

OUTLIER = 4.0
"""An outlier reaches more than this many times what the median channel reaches."""
GAIN = 2.0
"""A layer is split where that narrows its range at least so much."""
MOST = 32
"""Channels of one layer. These three were chosen on MiniLM by the error of its states, see docs/LOG.md."""


class SplitLinear(nn.Module):
    r"""A linear layer as W clamp(x) + W_o (x_o - clamp(x_o)) + b, over the outlier channels o: equal to W x + b.

    Shape:
        x (..., in) to (..., out); channels (k,) int64.
    """

    channels: Tensor
    columns: Tensor

    def __init__(self, linear: nn.Linear, channels: Tensor, bound: float) -> None:
        """``bound`` is the largest value of the other channels."""
        super().__init__()
        self.linear = linear
        self.bound = bound
        self.register_buffer("channels", channels)
        self.register_buffer("columns", linear.weight.detach()[:, channels].T.contiguous())  # (k, out)

    def forward(self, inputs: Tensor) -> Tensor:
        outliers = inputs.index_select(-1, self.channels)
        beyond = outliers - outliers.clamp(-self.bound, self.bound)
        within: Tensor = self.linear(inputs.clamp(-self.bound, self.bound))
        return within + beyond @ self.columns


def split_outliers(encoder: nn.Module, windows: Sequence[np.ndarray]) -> list[str]:
    """Replace, in place, the linear layers that have outlier channels on these windows; returns their names.

    Args:
        encoder: takes ids (W, T).
        windows: each (W, T) int64.
    """
    layers = {name: module for name, module in encoder.named_modules() if isinstance(module, nn.Linear)}
    split = []
    for name, largest in _largest_inputs(encoder, layers, windows).items():
        order = largest.argsort(descending=True)
        number = min(int((largest > OUTLIER * largest.median()).sum()), MOST)
        bound = float(largest[order[number]])
        if largest.max() >= GAIN * bound > 0:
            parent, _, attribute = name.rpartition(".")
            setattr(
                encoder.get_submodule(parent), attribute, SplitLinear(layers[name], order[:number].sort().values, bound)
            )
            split.append(name)
    return split


@torch.inference_mode()
def _largest_inputs(
    encoder: nn.Module, layers: dict[str, nn.Linear], windows: Sequence[np.ndarray]
) -> dict[str, Tensor]:
    """Largest absolute value of every input channel, (in,), by layer."""
    largest = {name: torch.zeros(layer.in_features) for name, layer in layers.items()}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def see(_: nn.Module, inputs: tuple[Tensor]) -> None:
            seen = inputs[0].abs().flatten(end_dim=-2).amax(dim=0)
            largest[name] = torch.maximum(largest[name], seen)

        return layers[name].register_forward_pre_hook(see)

    handles = [watch(name) for name in layers]
    for batch in windows:
        encoder(torch.from_numpy(batch))
    for handle in handles:
        handle.remove()
    return largest
