"""Presets: values that stand where no flag is given."""

import pytest

from model.errors import InvalidOption
from training.options import TrainingOptions
from training.run.presets import PRESETS, preset_line, preset_values


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_makes_valid_options(name: str) -> None:
    """Every value but the splits is an option of a run."""
    values = preset_values(name)
    values.pop("fit_splits")
    assert TrainingOptions(encoder="tiny", **values).as_dict().items() >= values.items()


def test_what_was_given_is_told_apart() -> None:
    """The line shows both values."""
    values = preset_values("mimic3-full") | {"epochs": 3}
    line = preset_line("mimic3-full", values, {key: f"--{key}" for key in values})
    assert line.startswith("preset mimic3-full: --loss sd, --head plm-ca, --epochs 3 (given; the preset has 20), ")


def test_an_unknown_preset_is_named() -> None:
    """With those that there are."""
    with pytest.raises(InvalidOption, match="mimic3-full, got 'x'"):
        preset_values("x")
