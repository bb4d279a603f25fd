"""A combiner with everything that is fitted on top of it: calibration, threshold policies, conformal sets."""

from dataclasses import dataclass

import numpy as np

from model.candidates import Candidates
from model.errors import MalformedInput
from model.ranking.calibration import Calibration
from model.ranking.combiner import Combiner
from model.ranking.conformal import ConformalSet
from model.ranking.thresholds import ThresholdPolicy


@dataclass(frozen=True)
class Fusion:
    """How candidates become probabilities, and probabilities a selection."""

    names: tuple[str, ...]
    """Features that the combiner reads, in its order."""
    combiner: Combiner
    calibration: Calibration
    policies: tuple[ThresholdPolicy, ...]
    conformal: tuple[ConformalSet, ...] = ()

    def scores(self, candidates: Candidates) -> np.ndarray:
        """The combiner's scores, before calibration, float64 (C,).

        Raises:
            MalformedInput: the candidates lack a feature that the combiner was fitted with.
        """
        if candidates.names == self.names:
            return self.combiner.scores(candidates.values)
        places = {name: place for place, name in enumerate(candidates.names)}
        missing = [name for name in self.names if name not in places]
        if missing:
            raise MalformedInput(f"the ranker needs the feature '{missing[0]}', which no channel gives: fit it again")
        return self.combiner.scores(candidates.values[:, [places[name] for name in self.names]])
