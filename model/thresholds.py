"""When a probability is high enough to select a code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GlobalThreshold:
    """One threshold for every code, tuned on validation for micro-F1; a code is selected strictly above it."""

    value: float
    tuned_on: str
    policy: str = "global"
