"""The docstring of a loss says what it optimises and by which formula, and its example gives what it shows."""

import doctest
import importlib
import pkgutil

import pytest

import model.losses
from model.losses.ablations import AblatedSDLoss

MODULES = [f"model.losses.{module.name}" for module in pkgutil.iter_modules(model.losses.__path__)]
LOSSES = [*(getattr(model.losses, name) for name in model.losses.__all__), AblatedSDLoss]
SECTIONS = ["Shape:", "Degenerate:", "References:", "Relations:", "Example:"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_loss_run(name: str) -> None:
    """Every value shown is the value computed."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_loss_is_described_in_the_same_order(loss: type) -> None:
    """One sentence, the formula, then the sections, the last with a call."""
    text = loss.__doc__ or ""
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0].endswith(".")
    places = [lines.index(section) for section in SECTIONS]
    assert places == sorted(places)
    assert any((line.startswith("L") and " = " in line) or "L_i = " in line for line in lines[: places[0]])
    assert any(line.startswith(">>>") for line in lines[places[-1] :])
