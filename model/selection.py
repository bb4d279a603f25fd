"""The codes of one answer in their order, with their probabilities and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.ranking.ranker import Ranking
from model.thresholds import GLOBAL, GlobalThreshold, ThresholdPolicy, policy_named


@dataclass(frozen=True)
class Ranked:
    """C codes, best first."""

    columns: np.ndarray
    """int64 (C,)."""
    probabilities: np.ndarray
    """float64 (C,)."""
    thresholds: np.ndarray
    """A code is selected strictly above its threshold, float64 (C,)."""
    channels: tuple[tuple[str, ...], ...] = ()
    """Channels that proposed each code; empty where the classifier answers alone."""

    def best(self, number: int) -> "Ranked":
        """The first codes."""
        return Ranked(
            self.columns[:number], self.probabilities[:number], self.thresholds[:number], self.channels[:number]
        )

    def without_confidence(self) -> "Ranked":
        """The same order, and no probability above its threshold: nothing is selected."""
        return replace(self, probabilities=np.minimum(self.probabilities, self.thresholds))


def rank_without(
    probabilities: np.ndarray, threshold: GlobalThreshold, policies: Sequence[ThresholdPolicy], policy: str | None
) -> Ranked:
    """The classifier's own order (L,); ties go to the code that sorts first.

    Raises:
        InvalidOption: no such policy.
    """
    columns = np.argsort(-probabilities, kind="stable")
    chosen = ThresholdPolicy(GLOBAL, threshold.value) if policy in (None, GLOBAL) else policy_named(policies, policy)
    return Ranked(columns, probabilities[columns], chosen.of(columns))


def rank_with(ranking: Ranking, policy: str | None) -> Ranked:
    """The ranker's order and thresholds.

    Raises:
        InvalidOption: no such policy.
    """
    chosen = policy_named(ranking.fusion.policies, policy or GLOBAL)
    channels = tuple(ranking.channels_of(place) for place in range(len(ranking.columns)))
    return Ranked(ranking.columns, ranking.probabilities, chosen.of(ranking.columns), channels)
