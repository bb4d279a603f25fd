"""Random documents with probabilities, neighbours and codes."""

import numpy as np

from training.retrieval.knn_coder import Labelled
from training.retrieval.search import Neighbours

TRAIN, LABELS, MOST = 50, 12, 40


def random_labelled(seed: int, documents: int = 24) -> tuple[Labelled, list[np.ndarray]]:
    """Documents whose near neighbours share their codes more often, and the training rows (always the same)."""
    train = np.random.default_rng(99).random((TRAIN, LABELS)) < 0.25
    random = np.random.default_rng(seed)
    truth = random.random((documents, LABELS)) < 0.25
    truth[0] = False
    similarity = 0.5 + 0.05 * (truth.astype(float) @ train.T.astype(float)) + 0.05 * random.random((documents, TRAIN))
    order = np.argsort(-similarity, axis=1)[:, :MOST]
    probabilities = np.clip(0.4 * truth + 0.6 * random.random(truth.shape), 0, 1).astype(np.float32)
    neighbours = Neighbours(order, np.take_along_axis(similarity, order, axis=1))
    rows = [np.flatnonzero(line) for line in truth]
    return Labelled(rows, np.zeros(documents, dtype=np.int64), probabilities, neighbours), [
        np.flatnonzero(line) for line in train
    ]
