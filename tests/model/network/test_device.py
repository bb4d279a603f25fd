"""The device of the network."""

import pytest
import torch

from model.errors import InvalidOption
from model.network.device import require_device, resolve_device


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the CPU elsewhere."""
    for available, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert resolve_device("auto") == device


@pytest.mark.parametrize("device", ["auto", "tpu", "meta", "cpu:x", "cuda:99", ""])
def test_a_device_that_cannot_compute_is_refused(device: str) -> None:
    """Unknown, without numbers, or a GPU that is not there; the message says what to use."""
    with pytest.raises(InvalidOption, match="--device"):
        require_device(device)


def test_one_of_several_gpus_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from 0."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(InvalidOption, match="2 seen"):
        resolve_device("cuda:2")
