"""Which codes of an answer are selected: their order, probabilities and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.ranking.ranker import Ranking
from model.ranking.thresholds import GLOBAL, GlobalThreshold, ThresholdPolicy, policy_named

CONFORMAL = "conformal-"
"""Prefix of a policy that is a conformal set."""


@dataclass(frozen=True)
class ThresholdedRanking:
    """C codes, best first."""

    columns: np.ndarray
    """int64 (C,)."""
    probabilities: np.ndarray
    """float64 (C,)."""
    thresholds: np.ndarray
    """A code is selected strictly above its threshold, float64 (C,)."""
    channels: tuple[tuple[str, ...], ...] = ()
    """Channels that proposed each code; empty where the classifier answers alone."""

    def is_selected(self, place: int) -> bool:
        """Whether the code at a place of the ranking is selected: strictly above its threshold."""
        return bool(self.probabilities[place] > self.thresholds[place])

    def best(self, number: int) -> "ThresholdedRanking":
        """The first codes."""
        return ThresholdedRanking(
            self.columns[:number], self.probabilities[:number], self.thresholds[:number], self.channels[:number]
        )

    def only(self, keep: np.ndarray) -> "ThresholdedRanking":
        """The codes that are kept, in the same order; ``keep`` is bool (C,)."""
        channels = tuple(each for each, kept in zip(self.channels, keep, strict=True) if kept) if self.channels else ()
        return ThresholdedRanking(self.columns[keep], self.probabilities[keep], self.thresholds[keep], channels)

    def without_confidence(self) -> "ThresholdedRanking":
        """The same order, and no probability above its threshold: nothing is selected."""
        return replace(self, probabilities=np.minimum(self.probabilities, self.thresholds))


def classifier_ranking(
    probabilities: np.ndarray, threshold: GlobalThreshold, policies: Sequence[ThresholdPolicy], policy: str | None
) -> ThresholdedRanking:
    """The classifier's own order (L,); ties go to the code that sorts first.

    Raises:
        InvalidOption: no such policy.
    """
    columns = np.argsort(-probabilities, kind="stable")
    chosen = ThresholdPolicy(GLOBAL, threshold.value) if policy in (None, GLOBAL) else policy_named(policies, policy)
    return ThresholdedRanking(columns, probabilities[columns], chosen.of(columns))


def with_thresholds(ranking: Ranking, policy: str | None) -> ThresholdedRanking:
    """The ranker's order and thresholds.

    Args:
        policy: one of the thresholds' policies, or ``conformal-RATE``: the conformal set with this false-negative rate,
            whose codes have the threshold 0 and all others 1.

    Raises:
        InvalidOption: no such policy.
    """
    channels = tuple(ranking.channels_of(place) for place in range(len(ranking.columns)))
    sets = {f"{CONFORMAL}{each.target:g}": each for each in ranking.fusion.conformal}
    if policy in sets:
        thresholds = np.where(sets[policy].member(ranking.scores), 0.0, 1.0)
    else:
        thresholds = policy_named(ranking.fusion.policies, policy or GLOBAL, tuple(sets)).of(ranking.columns)
    return ThresholdedRanking(ranking.columns, ranking.probabilities, thresholds, channels)


@dataclass(frozen=True)
class CodeChoice:
    """The codes that an answer may list."""

    allowed: np.ndarray | None = None
    """By column of the coder's codes, bool (U,); None: every code."""
    minimum_probability: float = 0.0
    """Codes below it are left out, 0 to 1."""

    def of(self, ranked: ThresholdedRanking) -> ThresholdedRanking:
        """The codes of a ranking that may be listed, in its order."""
        keep = ranked.probabilities >= self.minimum_probability
        if self.allowed is not None:
            keep &= self.allowed[ranked.columns]
        return ranked.only(keep)
