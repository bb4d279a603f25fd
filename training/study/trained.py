"""What a cell came to."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trained:
    """Shape: scores (n, L) probabilities, embeddings (n, H) unit rows, of the best validated weights."""

    tuning_scores: np.ndarray
    judged_scores: np.ndarray
    judged_embeddings: np.ndarray
    train_embeddings: np.ndarray
    best_step: int
    tuning_map: float
    factor: float | None
    """What the contrastive term was multiplied by, beside lambda; None for BCE."""
    seconds_a_step: float
    """Median over the steps; with free layers the mean."""
    peak_bytes: int | None
    """Tensors alive at once in one step, forward, backward and update; None with free layers."""
    bce: float | None = None
    """BCE summed over the labels, mean over the documents and over the last epoch, or the last fifth of the steps."""
    term: float | None = None
    """lambda times the contrastive loss over the same steps; None for BCE. Of two stages, each has its own steps."""
