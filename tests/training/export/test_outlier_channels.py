"""Outlier channels in a product of their own."""

import numpy as np
import pytest
import torch
from torch import nn

from model.network.encoder import WindowEncoder
from model.network.encoder_source import open_encoder
from training.export.int8 import WholeWindows
from training.export.outlier_channels import SplitLinear, split_outliers


@pytest.mark.parametrize("channels", [[2], [0, 7]])
def test_a_split_layer_is_the_layer(channels: list[int]) -> None:
    """Inside the bound and far beyond it, on both sides."""
    torch.manual_seed(0)
    linear = nn.Linear(8, 5).double()
    inputs = torch.randn(3, 4, 8, dtype=torch.float64).clamp(-1.5, 1.5)
    inputs[..., channels] *= 40
    split = SplitLinear(linear, torch.tensor(channels), bound=1.5)
    torch.testing.assert_close(split(inputs), linear(inputs), rtol=1e-12, atol=1e-12)


def test_layers_with_an_outlier_are_split_and_answer_as_before() -> None:
    """A neuron that is made fifty times as large is found; the states stay, and so does the encoder."""
    encoder = WindowEncoder(open_encoder("tiny").backbone).eval()
    with torch.no_grad():
        encoder.layers[1].intermediate.dense.bias[5] = 50.0
        encoder.layers[1].output.dense.weight[:, 5] /= 50.0
    whole = WholeWindows(encoder).eval()
    windows = [np.random.default_rng(0).integers(5, 300, size=(2, 12))]
    before = whole(torch.from_numpy(windows[0]))
    assert split_outliers(whole, windows) == ["layers.1.output.dense"]
    layer = whole.layers[1].output.dense
    assert isinstance(layer, SplitLinear)
    assert layer.channels.tolist() == [5]
    assert layer.bound < 5
    torch.testing.assert_close(whole(torch.from_numpy(windows[0])), before, rtol=0, atol=1e-5)
    assert isinstance(encoder.layers[1].output.dense, nn.Linear)


def test_a_layer_of_equal_channels_is_left_alone() -> None:
    """Nothing to gain, nothing to pay."""
    whole = WholeWindows(WindowEncoder(open_encoder("tiny").backbone).eval()).eval()
    assert split_outliers(whole, [np.random.default_rng(0).integers(5, 300, size=(2, 12))]) == []
