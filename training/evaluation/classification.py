"""Metrics of the selected codes: micro and macro precision, recall and F1, exact match, Jaccard.

A code is selected where its score is strictly above the threshold. A ratio over nothing is 0, as in
scikit-learn's ``zero_division=0``, except that two empty sets are equal (exact match 1, Jaccard 1).
Assigned codes outside the label space are missed: they count in micro recall, exact match and Jaccard, not
in the macro averages over codes.
"""

from dataclasses import dataclass

import numpy as np

from training.evaluation.gold import Gold
from training.evaluation.ranking_metrics import mean_or_none
from training.evaluation.score_matrix import exact_threshold, over_blocks


@dataclass(frozen=True)
class Selection:
    """Counts of a selection over all columns or some."""

    label_selected: np.ndarray
    """Documents in which a code is selected, int64 (columns,)."""
    label_true: np.ndarray
    """... and assigned."""
    label_gold: np.ndarray
    """Documents to which the code is assigned."""
    document_selected: np.ndarray
    """Codes selected in a document, int64 (n,)."""
    document_true: np.ndarray
    """... and assigned."""
    document_gold: np.ndarray
    """Codes assigned to a document, those outside the label space too."""

    @property
    def document_false(self) -> np.ndarray:
        """Codes selected and not assigned, int64 (n,)."""
        false: np.ndarray = self.document_selected - self.document_true
        return false

    @property
    def document_missed(self) -> np.ndarray:
        """Codes assigned and not selected, int64 (n,)."""
        missed: np.ndarray = self.document_gold - self.document_true
        return missed


def select(
    scores: np.ndarray, gold: Gold, threshold: float | np.ndarray, columns: np.ndarray | None = None
) -> Selection:
    """Count what ``score > threshold`` selects.

    Args:
        scores: (n, L) without NaN.
        threshold: scalar or (L,), compared exactly whatever the scores' precision.
        columns: sorted distinct columns to look at; all when None. They must hold every positive.
    """
    limits = np.broadcast_to(exact_threshold(threshold, scores), scores.shape[1:])

    def count(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = scores[start:stop] > limits
        if columns is not None:
            chosen = chosen[:, columns]
        return chosen.sum(axis=0, dtype=np.int64), np.count_nonzero(chosen, axis=1)

    blocks = over_blocks(count, gold.num_documents, gold.num_labels)
    wanted = np.arange(gold.num_labels) if columns is None else columns
    hit = scores[gold.rows, gold.columns] > limits[gold.columns]
    return Selection(
        label_selected=sum((by_label for by_label, _ in blocks), np.zeros(wanted.size, dtype=np.int64)),
        label_true=np.bincount(gold.columns[hit], minlength=gold.num_labels)[wanted],
        label_gold=gold.label_counts[wanted],
        document_selected=np.concatenate([np.zeros(0, dtype=np.int64), *(by_row for _, by_row in blocks)]),
        document_true=np.bincount(gold.rows[hit], minlength=gold.num_documents),
        document_gold=gold.totals,
    )


def classification_metrics(selection: Selection) -> dict[str, float | None]:
    """Every metric of the selected codes, by name; None over no documents or no codes."""
    chosen, true, assigned = selection.document_selected, selection.document_true, selection.document_gold
    documents = chosen.size
    union = chosen + assigned - true
    return {
        **_micro(int(chosen.sum()), int(true.sum()), int(assigned.sum()), documents),
        **macro_f1(selection),
        "exact_match": mean_or_none((chosen == true) & (assigned == true)),
        "jaccard": mean_or_none(np.where(union == 0, 1.0, true / np.maximum(union, 1))),
    }


def macro_f1(selection: Selection) -> dict[str, float | None]:
    """The three published macro averages over codes, and the precision and recall of the first.

    caml: F1 of the macro precision and the macro recall over all codes (Mullenbach et al. 2018). all: mean
    F1 of all codes. present: mean F1 of the codes with a positive in the split (Edin et al. 2023).
    """
    names = ("macro_precision", "macro_recall", "macro_f1_caml", "macro_f1_all", "macro_f1_present")
    if not selection.label_gold.size or not selection.document_gold.size:
        return dict.fromkeys(names)
    chosen, true, assigned = selection.label_selected, selection.label_true, selection.label_gold
    precision = float(ratio(true, chosen).mean())
    recall = float(ratio(true, assigned).mean())
    f1 = ratio(2 * true, chosen + assigned)
    caml = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    values = (precision, recall, caml, float(f1.mean()), mean_or_none(f1[assigned > 0]))
    return dict(zip(names, values, strict=True))


def micro_f1(true: int, chosen: int, assigned: int) -> float:
    """F1 of counts; 0 where nothing is chosen and nothing assigned."""
    return 2 * true / (chosen + assigned) if chosen + assigned else 0.0


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where the whole is 0, float64."""
    shares: np.ndarray = np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
    return shares


def _micro(chosen: int, true: int, assigned: int, documents: int) -> dict[str, float | None]:
    if not documents:
        return dict.fromkeys(("micro_precision", "micro_recall", "micro_f1"))
    return {
        "micro_precision": true / chosen if chosen else 0.0,
        "micro_recall": true / assigned if assigned else 0.0,
        "micro_f1": micro_f1(true, chosen, assigned),
    }
