"""Two combiners behind one: for codes of which a channel speaks, and for those of which it is silent."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from model.ranking.combiner import TreeCombiner


@dataclass(frozen=True)
class SplitCombiner:
    """Trees for codes that the classifier knows, and trees for those without a training note.

    Together in one forest the many assigned codes of the first kind decide the splits; apart, the few of the second
    are ranked by what is known of them (docs/decisions/0020).
    """

    kind: ClassVar[str] = "split trees"
    feature: np.ndarray
    """Whose silence (NaN) parts the candidates, int64 (1,)."""
    present: TreeCombiner
    missing: TreeCombiner

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Each candidate by the trees of its kind."""
        missing = np.isnan(values[:, int(self.feature[0])])
        scores = np.empty(len(values))
        scores[missing], scores[~missing] = self.missing.scores(values[missing]), self.present.scores(values[~missing])
        return scores
