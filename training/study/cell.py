"""One cell of the grid: everything that a run depends on beside the data and the recipe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import InvalidOption
from training.study.study_losses import BCE, require_known

SCALES = ("plain", "matched")


@dataclass(frozen=True)
class Setting:
    """A loss with its numbers; several seeds make several cells of it."""

    loss: str
    temperature: float
    weight: float
    """lambda."""
    scale: str
    """plain, or matched: the contrastive term is multiplied by what gives it ANY's gradient at the first batch."""

    @property
    def name(self) -> str:
        """Such as "sd tau 0.07 lambda 1", for tables and files."""
        if self.loss == BCE:
            return BCE
        matched = " matched" if self.scale == "matched" else ""
        return f"{self.loss} tau {self.temperature:g} lambda {self.weight:g}{matched}"


@dataclass(frozen=True)
class Cell:
    """A setting and a seed, which fixes weights, order and dropout."""

    setting: Setting
    seed: int
    protocol: str = "joint"
    """BCE and the contrastive term from the first step on."""

    @property
    def key(self) -> str:
        """Name of the cell, which is a file name too."""
        return f"{self.setting.name} seed {self.seed}".replace(" ", "_")


def grid(
    losses: Sequence[str],
    temperatures: Sequence[float],
    weights: Sequence[float],
    scales: Sequence[str],
    seeds: int,
) -> list[Cell]:
    """Every cell once, seed by seed, so that a broken-off grid has whole seeds; BCE has one setting.

    Raises:
        InvalidOption: an unknown loss or scale, or a number out of range.
    """
    _check(losses, temperatures, weights, scales, seeds)
    settings: dict[Setting, None] = {}
    for loss in losses:
        if loss == BCE:
            settings[Setting(BCE, 0.0, 0.0, "plain")] = None
            continue
        for scale in scales:
            for temperature in temperatures:
                for weight in weights:
                    settings[Setting(loss, temperature, weight, scale)] = None
    return [Cell(setting, seed) for seed in range(1, seeds + 1) for setting in settings]


def _check(
    losses: Sequence[str], temperatures: Sequence[float], weights: Sequence[float], scales: Sequence[str], seeds: int
) -> None:
    for loss in losses:
        require_known(loss)
    for flag, numbers in (("--temperatures", temperatures), ("--lambdas", weights)):
        for number in numbers:
            if not (math.isfinite(number) and number > 0):
                raise InvalidOption(f"{flag} must be positive numbers, got {number}")
    for scale in scales:
        if scale not in SCALES:
            raise InvalidOption(f"--scales must be of {', '.join(SCALES)}, got '{scale}'")
    if seeds < 1:
        raise InvalidOption(f"--seeds must be at least 1, got {seeds}")
    if not losses:
        raise InvalidOption("--losses names none: name one or more, with commas")
