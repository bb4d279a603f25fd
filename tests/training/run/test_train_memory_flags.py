"""--gradient-checkpointing and --compile reach the network, and the first changes nothing but memory."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.bundle import load_bundle
from model.dataset import load_dataset
from model.network.encoder import WindowEncoder
from model.network.encoder_source import open_encoder
from tests.factories import write_tiny_dataset
from training.options import TrainingOptions
from training.run.network import build_network
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle

OPTIONS = TrainingOptions(encoder="tiny", epochs=1, batch_size=8, window=32, max_tokens=64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "data", number=30)


def test_gradient_checkpointing_trains_the_same_weights(data: Path, tmp_path: Path) -> None:
    """Bit for bit, dropout included."""
    states = []
    for chosen in (False, True):
        out = tmp_path / f"bundle-{chosen}"
        train_bundle(TrainingRequest(data, out, replace(OPTIONS, gradient_checkpointing=chosen)))
        states.append(load_bundle(out).network.state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_compile_fuses_the_encoder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the flag, and not without."""
    fused: list[WindowEncoder] = []
    monkeypatch.setattr(WindowEncoder, "fuse", lambda self: fused.append(self))
    monkeypatch.setenv("CXX", "/bin/sh")
    dataset = load_dataset(data)
    for chosen in (False, True):
        options = replace(OPTIONS, compile=chosen)
        network = build_network(open_encoder("tiny"), dataset, dataset.require("train"), options)
    assert fused == [network.encoder]
