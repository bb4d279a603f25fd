"""Which codes an answer may hold: some columns of the coder, and probabilities from a minimum on."""

from dataclasses import dataclass

import numpy as np

from model.ranking.selection import ThresholdedRanking


@dataclass(frozen=True)
class CodeChoice:
    """What is asked of a code before an answer lists it."""

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
