"""The examples in the docstrings run and give what they show."""

import doctest
import importlib
import pkgutil

import pytest

import model.losses

MODULES = [f"model.losses.{module.name}" for module in pkgutil.iter_modules(model.losses.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_loss_run(name: str) -> None:
    """Every value shown is the value computed."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_loss_has_an_example() -> None:
    """Each class of the family shows a call and its value."""
    for loss in (getattr(model.losses, name) for name in model.losses.__all__):
        assert ">>>" in (loss.__doc__ or ""), loss
