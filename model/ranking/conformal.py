"""Conformal sets: sets of codes that miss at most a stated share of the true ones.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei & Schuster 2024, "Conformal Risk Control", ICLR, sections 2.1
and 3.2): with the threshold of ``training/ranking/conformal_fit.py`` the expected share of a note's codes that its
set lacks is at most the target, for notes that are exchangeable with those of the fit.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ConformalSet:
    """Which candidates belong to the set of a note."""

    target: float
    """False-negative rate: mean share of a note's codes outside its set, 0 to 1."""
    threshold: float
    """A candidate belongs to the set when its score, before calibration, is at least this."""
    notes: int
    """Notes with codes that it was fitted on."""

    def member(self, scores: np.ndarray) -> np.ndarray:
        """Which candidates belong to the set; (C,) scores in, bool (C,) out."""
        inside: np.ndarray = scores >= self.threshold
        return inside
