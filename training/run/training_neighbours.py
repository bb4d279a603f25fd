"""Similar notes of the training split for a bundle that is evaluated: what its database would give a service."""

import numpy as np

from model.coder import Coder, FindNeighbours
from model.dataset import Dataset, Document
from model.progress import with_progress
from model.ranking.neighbour_vote import RankingNeighbour
from training.ranking.ranker_fit import nearest


class TrainingNeighbours:
    """The training notes as the bundle embeds them."""

    def __init__(self, coder: Coder, dataset: Dataset) -> None:
        """
        Raises:
            EmptyDataset: there is no training note.
        """
        self._notes = dataset.require("train")
        self._embeddings = np.zeros((len(self._notes), coder.embedding_dim), dtype=np.float32)
        for place, note in enumerate(with_progress(self._notes, "training notes", len(self._notes), "note")):
            self._embeddings[place] = coder.embed([note.text])[0]

    def of(self, document: Document) -> FindNeighbours:
        """What finds the neighbours of a document, none of its own patient."""

        def find(embedding: np.ndarray) -> list[RankingNeighbour]:
            return nearest(self._embeddings, self._notes, embedding[None], [document])[0]

        return find
