"""Random evaluation data with everything that makes metrics hard."""

from dataclasses import dataclass

import numpy as np
import pytest

from training.evaluation.gold import Gold


@dataclass(frozen=True)
class Split:
    """Scores with ties, codes that are never positive, documents without codes."""

    scores: np.ndarray
    truth: np.ndarray
    """Multi-hot, int (n, L)."""

    @property
    def rows(self) -> list[np.ndarray]:
        return [np.flatnonzero(line) for line in self.truth]

    @property
    def gold(self) -> Gold:
        return Gold.from_rows(self.rows, self.truth.shape[1])


def random_split(seed: int, documents: int = 60, labels: int = 37, levels: int = 20) -> Split:
    generator = np.random.default_rng(seed)
    truth = (generator.random((documents, labels)) < generator.random(labels) * 0.3).astype(np.int64)
    truth[:, [3, 11, labels - 1]] = 0
    truth[[4, 9]] = 0
    scores = np.clip(generator.random((documents, labels)) + 0.3 * truth, 0, 1)
    return Split((np.round(scores * levels) / levels).astype(np.float32), truth)


@pytest.fixture(params=[0, 1, 2])
def split(request: pytest.FixtureRequest) -> Split:
    return random_split(request.param)
