"""How well codes are found by the number of training documents that carry them."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.classification import Selection, micro_f1, ratio
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import cells_ahead
from training.evaluation.ranking_metrics import average_precisions, mean_or_none

BOUNDS: tuple[tuple[int, int | None], ...] = ((0, 0), (1, 10), (11, 50), (51, 100), (101, 500), (501, None))
"""Lowest and highest training count of each band; the bands of the published MIMIC-III statistics."""
CUTOFF = 15


@dataclass(frozen=True)
class Band:
    """One frequency band. Metrics are None where nothing of the band is assigned in the evaluated split."""

    name: str
    codes: int
    present: int
    """Codes of the band with a positive in the evaluated split."""
    assignments: int
    micro_f1: float | None
    macro_f1: float | None
    """Mean F1 of the codes present."""
    map: float | None
    """MAP of the band's codes ranked among themselves, over the documents that carry one."""
    recall_at_15: float | None
    """Share of the band's assignments among the first 15 of all codes of their document."""


def frequency_bands(
    scores: np.ndarray, gold: Gold, train_counts: np.ndarray, selection: Selection, ahead: np.ndarray
) -> list[Band]:
    """Metrics by band.

    Args:
        train_counts: training documents of each code, int (L,).
        selection: of all columns.
        ahead: of all columns, int64 (Q,).
    """
    bands = []
    for low, high in BOUNDS:
        inside = (train_counts >= low) & (train_counts <= (np.inf if high is None else high))
        bands.append(_band(band_name(low, high), scores, gold, np.flatnonzero(inside), selection, ahead))
    return bands


def _band(
    name: str, scores: np.ndarray, gold: Gold, columns: np.ndarray, selection: Selection, ahead: np.ndarray
) -> Band:
    chosen, true = selection.label_selected[columns], selection.label_true[columns]
    assigned = selection.label_gold[columns]
    present = assigned > 0
    if not present.any():
        return Band(name, columns.size, 0, 0, None, None, None, None)
    pairs = gold.within(columns)
    within = Gold(gold.num_documents, gold.num_labels, gold.rows[pairs], gold.columns[pairs], np.zeros_like(gold.extra))
    return Band(
        name=name,
        codes=columns.size,
        present=int(present.sum()),
        assignments=int(assigned.sum()),
        micro_f1=micro_f1(int(true.sum()), int(chosen.sum()), int(assigned.sum())),
        macro_f1=mean_or_none(ratio(2 * true, chosen + assigned)[present]),
        map=mean_or_none(average_precisions(within, cells_ahead(scores, within, columns))),
        recall_at_15=float((ahead[pairs] < CUTOFF).mean()),
    )


def band_name(low: int, high: int | None) -> str:
    """As the tables name it: 0, 11-50, >500."""
    if high is None:
        return f">{low - 1}"
    return str(low) if low == high else f"{low}-{high}"
