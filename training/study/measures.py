"""What a run is judged by: figures of the whole, and the counts of each document that they are made of."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.classification import macro_f1, micro_f1, select
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import cells_ahead
from training.evaluation.ranking_metrics import average_precisions
from training.study.agreement import neighbour_agreement
from training.study.bands import bands
from training.study.inputs import StudyData
from training.study.trained import Trained

SPARSE = 2
"""A sparse document has 1 to this many labels."""


@dataclass(frozen=True)
class Measured:
    """Figures by name, and arrays by name with one value a judged document, NaN where it is not defined."""

    figures: dict[str, float | None]
    documents: dict[str, np.ndarray]


def measure(trained: Trained, data: StudyData) -> Measured:
    """Figures on the judged part, the threshold tuned on the tuning part for micro-F1."""
    scores, part = trained.judged_scores, data.judged
    threshold = best_global_threshold(trained.tuning_scores, data.tuning.rows)
    tuning_gold = Gold.from_rows(data.tuning.rows, scores.shape[1])
    tuned = select(trained.tuning_scores, tuning_gold, threshold)
    gold = Gold.from_rows(part.rows, scores.shape[1])
    selection = select(scores, gold, threshold)
    documents = _counts(scores, gold, threshold, data)
    documents["ap"] = np.full(len(part), np.nan)
    ahead = cells_ahead(scores, gold, np.arange(scores.shape[1]))
    documents["ap"][gold.labelled] = average_precisions(gold, ahead)
    documents |= neighbour_agreement(
        part, trained.judged_embeddings, data.train, trained.train_embeddings, scores.shape[1]
    )
    macro = macro_f1(selection)
    figures = {name: ratio(documents, name) for name in RATIOS}
    figures |= {
        "macro_f1": macro["macro_f1_present"],
        "threshold": threshold,
        "tuning_micro_f1": micro_f1(
            int(tuned.document_true.sum()), int(tuned.document_selected.sum()), int(tuned.document_gold.sum())
        ),
        "tuning_map": trained.tuning_map,
    }
    return Measured(figures, documents)


def _counts(scores: np.ndarray, gold: Gold, threshold: float, data: StudyData) -> dict[str, np.ndarray]:
    """Twice the true positives, and selected + assigned, of each document: over all labels and in each band."""
    found: dict[str, np.ndarray] = {}
    groups = {"all": np.arange(scores.shape[1])} | {band.name: band.columns for band in bands(data.train_counts)}
    for name, columns in groups.items():
        chosen = scores[:, columns] > threshold  # (n, m)
        inside = gold.within(columns)
        assigned = np.bincount(gold.rows[inside], minlength=gold.num_documents)
        hits = inside & (scores[gold.rows, gold.columns] > threshold)
        found[f"twice_true_{name}"] = 2.0 * np.bincount(gold.rows[hits], minlength=gold.num_documents)
        found[f"both_{name}"] = (chosen.sum(axis=1) + assigned).astype(np.float64)
    sparse = (gold.totals >= 1) & (gold.totals <= SPARSE)
    for kind in ("twice_true", "both"):
        found[f"{kind}_sparse"] = np.where(sparse, found[f"{kind}_all"], 0.0)
    found["sparse"] = sparse.astype(np.float64)
    return found


RATIOS: dict[str, tuple[str, str | None, str | None]] = {
    "micro_f1": ("twice_true_all", "both_all", None),
    "map": ("ap", None, None),
    "head_f1": ("twice_true_head", "both_head", None),
    "medium_f1": ("twice_true_medium", "both_medium", None),
    "tail_f1": ("twice_true_tail", "both_tail", None),
    "sparse_f1": ("twice_true_sparse", "both_sparse", None),
    "neighbour_jaccard": ("jaccard", None, None),
    "neighbour_share": ("share", None, None),
    "neighbour_ndcg": ("ndcg", None, None),
    "neighbour_rare": ("rare", None, None),
    "sparse_jaccard": ("jaccard", None, "sparse"),
}
"""Figures that are a sum over documents over another: part, whole (None: the number of documents), and a mask."""


def parts(documents: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Numerator and denominator of each document, (n,) each, 0 and 0 where it does not count; None without such."""
    part_name, whole_name, mask_name = RATIOS[name]
    if part_name not in documents:
        return None
    part = documents[part_name].astype(np.float64)
    defined = np.isfinite(part)
    if mask_name is not None:
        defined &= documents[mask_name] > 0
    whole = np.ones_like(part) if whole_name is None else documents[whole_name].astype(np.float64)
    part, whole = np.where(defined, part, 0.0), np.where(defined, whole, 0.0)
    return (part, whole) if whole.sum() > 0 else None


def ratio(documents: dict[str, np.ndarray], name: str) -> float | None:
    """The figure over all documents."""
    found = parts(documents, name)
    return None if found is None else float(found[0].sum() / found[1].sum())
