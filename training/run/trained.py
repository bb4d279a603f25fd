"""A trained network, and what it or its like say of notes that they were not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.dataset import Document
from model.network.network import CodingNetwork
from training.ranking.ranker_fit import RankerFold
from training.run.common_words import CommonWords
from training.run.protocol import ProtocolResult


@dataclass(frozen=True)
class Trained:
    """What a bundle is made of.

    Shape:
        scores (n, L) float32, of the held-out notes; rows: their label columns; extra (n,), their codes outside of the
        label space; embeddings (m, H) of the notes that were learned from, by the network.
    """

    network: CodingNetwork
    outcome: ProtocolResult
    learned_from: Sequence[Document]
    held: Sequence[Document]
    scores: np.ndarray
    rows: Sequence[np.ndarray]
    extra: np.ndarray
    validation_map: float
    chosen_by_validation: bool
    """Whether the held-out notes chose the epoch."""
    tuned_on: str
    """What the held-out notes are, for the card."""
    parts: Sequence[RankerFold]
    """For a ranker; none where none is wanted."""
    embeddings: np.ndarray | None = None
    """Where there are parts."""
    common: CommonWords | None = None
    """What the network learned from of the notes' words; None for all."""
