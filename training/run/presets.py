"""Named sets of options; a flag that is given as well wins."""

from collections.abc import Mapping
from typing import Any

from model.errors import InvalidOption

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # PLM-ICD's optimisation (Huang et al. 2022): AdamW with 5e-5, 8 notes a step, 20 epochs, 2,000 steps of warm-up
    # (of 20 x 47,719 / 8), windows of 128 tokens. Edin et al. (2024) read more of a note than its 3,072 tokens:
    # 6,144 here. The rate of the head is this project's default. None of it was tuned on MIMIC by us.
    "mimic3-full": {
        "loss": "sd",
        "head": "plm-ca",
        "epochs": 20,
        "batch_size": 8,
        "accumulate": 1,
        "learning_rate": 5e-5,
        "warmup": 0.017,
        "max_tokens": 6144,
        "window": 128,
        "freeze_layers": -1,
        "fit_splits": "train",
    },
}
"""Values by the name of the parameter of ``icd-coder train``."""


def preset_values(name: str) -> dict[str, Any]:
    """The values of a preset.

    Raises:
        InvalidOption: there is no such preset.
    """
    if name not in PRESETS:
        raise InvalidOption(f"--preset must be one of {', '.join(PRESETS)}, got '{name}'")
    return dict(PRESETS[name])


def use_preset(context: Any, name: str | None) -> str | None:
    """Callback of ``--preset``: its values stand where no flag is given. ``context`` is a typer.Context."""
    if name is not None and not context.resilient_parsing:
        context.default_map = {**(context.default_map or {}), **preset_values(name)}
    return name


def preset_line(name: str, values: Mapping[str, Any], flags: Mapping[str, str]) -> str:
    """What a preset sets, as flags to read or copy.

    Args:
        values: what is used; a value that differs from the preset's was given as a flag.
        flags: the flag of each parameter.
    """
    preset = preset_values(name)
    parts = [
        f"{flags[key]} {values[key]}"
        + ("" if values[key] == preset[key] else f" (given; the preset has {preset[key]})")
        for key in preset
    ]
    return f"preset {name}: " + ", ".join(parts)
