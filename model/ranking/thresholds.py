"""When a probability is high enough to select a code."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from model.errors import InvalidOption, MalformedInput
from model.ranking.code_counts import CodeCounts, counts_from_json

GLOBAL, PER_CODE, PRECISION = "global", "per-code", "precision"


@dataclass(frozen=True)
class GlobalThreshold:
    """One threshold for every code, tuned on validation for micro-F1; a code is selected strictly above it."""

    value: float
    tuned_on: str
    policy: str = GLOBAL


@dataclass(frozen=True)
class ThresholdPolicy:
    """One way to choose thresholds, and what it is expected to give."""

    name: str
    """global, per-code, or precision-0.95 for a target precision of 95%."""
    everywhere: float
    """For every code without a threshold of its own."""
    own: np.ndarray | None = None
    """By column, float64 (L,); None where the policy has one threshold."""
    expected_precision: float | None = None
    """Micro precision of the selected codes on validation notes that the thresholds were not tuned on; None where
    nothing was selected, or validation was too small to hold notes back."""
    expected_recall: float | None = None
    counts: CodeCounts | None = None
    """Of single codes at the global threshold, on the notes that it was chosen on; None for any other policy, and in
    bundles made before there were any."""

    def of(self, columns: np.ndarray) -> np.ndarray:
        """Threshold of each column, float64 (C,); a code is selected strictly above it."""
        values = np.full(len(columns), self.everywhere)
        if self.own is not None:
            inside = columns < len(self.own)
            values[inside] = self.own[columns[inside]]
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "counts"}
        plain["own"] = None if self.own is None else self.own.tolist()
        return plain if self.counts is None else plain | {"counts": self.counts.to_json()}


def policy_from_json(value: Any) -> ThresholdPolicy:
    """The policy that :meth:`ThresholdPolicy.to_json` wrote.

    Raises:
        MalformedInput: other fields, or thresholds that are no numbers.
    """
    try:
        own = None if value["own"] is None else np.array(value["own"], dtype=np.float64)
        counts = None if value.get("counts") is None else counts_from_json(value["counts"])
        policy = ThresholdPolicy(**{**value, "everywhere": float(value["everywhere"]), "own": own, "counts": counts})
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise MalformedInput("a threshold policy has other fields than it needs: train the bundle again") from error
    if not np.isfinite(policy.everywhere) or (own is not None and (own.ndim != 1 or not np.isfinite(own).all())):
        raise MalformedInput(f"the threshold policy '{policy.name}' holds no numbers: train the bundle again")
    return policy


def precision_policy(target: float) -> str:
    """Name of the policy with a target precision."""
    return f"{PRECISION}-{target:g}"


def policy_named(policies: Sequence[ThresholdPolicy], name: str, others: Sequence[str] = ()) -> ThresholdPolicy:
    """The policy with this name.

    Args:
        others: names that are no threshold policies and could have been asked for, for the message.

    Raises:
        InvalidOption: there is none.
    """
    for policy in policies:
        if policy.name == name:
            return policy
    known = ", ".join([*(policy.name for policy in policies), *others]) or "none"
    raise InvalidOption(f"the bundle has no such threshold policy: choose one of: {known}")
