"""The measure that chooses an epoch."""

from collections.abc import Callable, Sequence

import numpy as np

from model.errors import EmptyDataset
from training.evaluation.gold import Gold
from training.evaluation.ranking import average_precisions
from training.evaluation.score_matrix import checked_scores
from training.evaluation.standing import cells_ahead


def validation_map(rows: Sequence[np.ndarray], num_labels: int, extra: np.ndarray) -> Callable[[np.ndarray], float]:
    """MAP over all codes of a score matrix (n, L).

    Args:
        rows: label columns of each validation note.
        extra: codes of each that the label space lacks, (n,).

    Raises:
        EmptyDataset: no note has a code.
    """
    gold = Gold.from_rows(rows, num_labels, extra)
    if not gold.labelled.size:
        raise EmptyDataset("no validation document has a code: prepare the data with a larger dev split")
    columns = np.arange(num_labels)

    def measured(scores: np.ndarray) -> float:
        return float(average_precisions(gold, cells_ahead(checked_scores(scores, gold), gold, columns)).mean())

    return measured
