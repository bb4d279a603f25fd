"""One cell of the grid: everything that a run depends on beside the data and the recipe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from model.errors import InvalidOption
from training.options import PROTOCOLS
from training.study.study_losses import BCE, require_known

SCALES = ("plain", "matched")
POOLINGS = ("mean", "codes")


@dataclass(frozen=True)
class Setting:
    """A loss with its numbers; several seeds make several cells of it."""

    loss: str
    temperature: float
    weight: float
    """lambda."""
    scale: str
    """plain, or matched: the contrastive term is multiplied by what gives it ANY's gradient at the first batch."""
    protocol: str = "joint"
    """joint: BCE and the contrastive term from the first step on; two-stage: one after the other."""
    pooling: str = "mean"
    """What the searched embedding reads, see :mod:`model.network.document_embedding`."""

    @property
    def name(self) -> str:
        """Such as "sd tau 0.07 lambda 1", for tables and files."""
        if self.loss == BCE:
            return BCE
        matched = " matched" if self.scale == "matched" else ""
        variant = "".join(f" {value}" for value in (self.protocol, self.pooling) if value not in ("joint", "mean"))
        return f"{self.loss} tau {self.temperature:g} lambda {self.weight:g}{matched}{variant}"

    @property
    def twin(self) -> "Setting":
        """The same loss and numbers, trained jointly, with an embedding of the mean; itself where it is so."""
        return replace(self, protocol="joint", pooling="mean")


@dataclass(frozen=True)
class Cell:
    """A setting and a seed, which fixes weights, order and dropout."""

    setting: Setting
    seed: int

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
    protocols: Sequence[str] = ("joint",),
    poolings: Sequence[str] = ("mean",),
) -> list[Cell]:
    """Every cell once, seed by seed, so that a broken-off grid has whole seeds; BCE has one setting.

    Two stages go with an embedding of the mean only: the other changes in the second.

    Raises:
        InvalidOption: an unknown loss, scale, protocol or pooling, or a number out of range.
    """
    _check(losses, temperatures, weights, scales, seeds)
    _check_variants(protocols, poolings)
    settings: dict[Setting, None] = {}
    for loss in losses:
        if loss == BCE:
            settings[Setting(BCE, 0.0, 0.0, "plain")] = None
            continue
        variants = [pair for pair in product(protocols, poolings) if pair != ("two-stage", "codes")]
        for variant, scale, temperature, weight in product(variants, scales, temperatures, weights):
            settings[Setting(loss, temperature, weight, scale, *variant)] = None
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


def _check_variants(protocols: Sequence[str], poolings: Sequence[str]) -> None:
    for flag, given, allowed in (
        ("--protocol", protocols, PROTOCOLS),
        ("--pooling", poolings, POOLINGS),
    ):
        for value in given:
            if value not in allowed:
                raise InvalidOption(f"{flag} must be of {', '.join(allowed)}, got '{value}'")
    if not set(product(protocols, poolings)) - {("two-stage", "codes")}:
        raise InvalidOption("--pooling codes goes with --protocol joint: name it too, or leave one of them out")
