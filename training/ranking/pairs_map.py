"""Average precision of notes whose candidates were ranked; codes that are no candidate are found last, at no gain."""

import numpy as np

from training.evaluation.bootstrap import Interval, mean_interval
from training.evaluation.ranking import average_precision
from training.ranking.judged_pairs import JudgedPairs


def pairs_average_precision(pairs: JudgedPairs, probabilities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AP = sum over found codes of (found so far / rank) / assigned codes; NaN for a note without any, (n,).

    Args:
        probabilities, scores: of each pair (P,); the most probable first, of equals the one with the higher score, as
            the ranker orders them.
    """
    order = np.lexsort((pairs.columns, -scores, -probabilities, pairs.notes))
    notes, truth = pairs.notes[order], pairs.truth[order]
    ahead = np.arange(len(notes)) - np.searchsorted(notes, notes)
    return average_precision(notes[truth], ahead[truth], pairs.totals)


def pairs_map(pairs: JudgedPairs, probabilities: np.ndarray, scores: np.ndarray) -> Interval | None:
    """MAP over the notes that have a code, with its interval over notes."""
    precisions = pairs_average_precision(pairs, probabilities, scores)
    return mean_interval(precisions[~np.isnan(precisions)])
