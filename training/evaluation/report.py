"""The evaluation of a coder on one split: report.json, report.md and plots."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import staged_directory
from model.labels import LabelSpace
from training.evaluation.baseline_comparison import Baseline, ComparedBaseline, compare_with_baseline
from training.evaluation.bootstrap import mean_interval, micro_f1_interval
from training.evaluation.calibration_report import calibration_report
from training.evaluation.codiesp_run_file import RUN_FILE
from training.evaluation.frequency_bands import frequency_bands
from training.evaluation.gold import Gold
from training.evaluation.markdown import report_markdown
from training.evaluation.per_document import documents_fingerprint, write_documents
from training.evaluation.plots import plot_f1_by_frequency, plot_precision_recall, plot_reliability
from training.evaluation.populations import Population, population_metrics, populations
from training.evaluation.ranking_metrics import average_precisions
from training.evaluation.roc_and_pr_areas import precision_recall_curve
from training.evaluation.score_matrix import checked_scores

FORMAT = "icd-coder report 1"
SCORES_FILE = "scores.npy"


@dataclass(frozen=True)
class ReportSubject:
    """What was evaluated."""

    data: str
    """The dataset, in words or as a path."""
    split: str
    bundle_id: str | None
    """None where the scores come from a file."""
    threshold_source: str
    """Where the threshold was tuned, such as "global, best micro-F1 on dev"."""
    precision: str | None = None
    """What the bundle's encoder computed in; None where the scores come from a file."""
    scores_file: str | None = None
    """Name and SHA-256 of the file that held the scores."""
    ranking: str | None = None
    """What ranked the codes, where it was not the classifier alone."""


def evaluate_scores(
    scores: np.ndarray,
    positives: Sequence[np.ndarray],
    labels: LabelSpace,
    threshold: float | np.ndarray,
    extra_positives: np.ndarray | None = None,
    seed: int = 0,
    num_training: int | None = None,
) -> dict[str, Any]:
    """Every metric of a score matrix in both populations, frequency bands and intervals, ready for JSON.

    Args:
        scores: (n, L), no NaN; probabilities or any scores on the scale of the threshold.
        positives: columns of the assigned codes of each document.
        threshold: scalar or (L,); a code is selected where its score is strictly above.
        extra_positives: assigned codes of each document that the label space lacks, (n,); zeros when None.
        seed: of the bootstrap.
        num_training: training documents, from which the label prior follows; None leaves its calibration out.

    Raises:
        ValueError: shapes that do not fit, a column outside the label space, or NaN; the message names the
        argument.
    """
    gold = Gold.from_rows(positives, len(labels), extra_positives)
    scores = checked_scores(scores, gold)
    return _evaluation(scores, gold, labels, threshold, populations(scores, gold, threshold), seed, num_training)


def write_report(
    directory: Path,
    subject: ReportSubject,
    scores: np.ndarray,
    positives: Sequence[np.ndarray],
    labels: LabelSpace,
    threshold: float | np.ndarray,
    extra_positives: np.ndarray | None = None,
    baselines: Mapping[str, Baseline] | None = None,
    seed: int = 0,
    document_ids: Sequence[str] | None = None,
    num_training: int | None = None,
    explanations: Mapping[str, Any] | None = None,
    run: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Evaluate, write report.json, report.md and plots/ into a new directory; return what the JSON holds.

    Args:
        baselines: by name, see :mod:`training.run.baselines`.
        document_ids: with them documents.parquet and scores.npy are written too, which `compare` and
            `evaluate --scores` read.
        num_training: see evaluate_scores.
        run: lines of run.tsv, see run_file.py.
        explanations: what :func:`training.evaluation.explanations.evaluate_explanations` found.

    Raises:
        OutputExists, UnwritableOutput: see staged_directory.
        ValueError: see evaluate_scores.
    """
    with staged_directory(directory) as staging:
        gold = Gold.from_rows(positives, len(labels), extra_positives)
        scores = checked_scores(scores, gold)
        counted = populations(scores, gold, threshold)
        compared = [
            compare_with_baseline(name, baseline, gold, counted, seed) for name, baseline in (baselines or {}).items()
        ]
        if document_ids is not None:
            write_documents(staging, document_ids, gold, counted)
            np.save(staging / SCORES_FILE, scores, allow_pickle=False)
        if run is not None:
            (staging / RUN_FILE).write_text("".join(f"{line}\n" for line in run), encoding="utf-8")
        report = {
            "format": FORMAT,
            **asdict(subject),
            "documents_fingerprint": documents_fingerprint(document_ids, gold, labels)
            if document_ids is not None
            else None,
            **_evaluation(scores, gold, labels, threshold, counted, seed, num_training),
            "baselines": {
                baseline.name: {name: asdict(value) for name, value in baseline.populations.items()}
                for baseline in compared
            },
            "explanations": explanations,
        }
        text = json.dumps(report, indent=2, allow_nan=False) + "\n"
        (staging / "report.json").write_text(text, encoding="utf-8")
        (staging / "report.md").write_text(report_markdown(report), encoding="utf-8")
        _write_plots(staging / "plots", report, counted["all"], compared)
    return report


def _evaluation(
    scores: np.ndarray,
    gold: Gold,
    labels: LabelSpace,
    threshold: float | np.ndarray,
    counted: dict[str, Population],
    seed: int,
    num_training: int | None,
) -> dict[str, Any]:
    whole = counted["all"]
    bands = frequency_bands(scores, gold, labels.train_counts, whole.selection, whole.standing.ahead)
    return {
        "documents": gold.num_documents,
        "documents_with_codes": int(gold.labelled.size),
        "codes": {name: int(population.columns.size) for name, population in counted.items()},
        "assignments": int(gold.totals.sum()),
        "assignments_outside_label_space": int(gold.extra.sum()),
        "threshold": _threshold(threshold),
        "metrics": population_metrics(scores, gold, counted),
        "intervals": {name: _intervals(gold, population, seed) for name, population in counted.items()},
        "frequency_bands": [asdict(band) for band in bands],
        "calibration": calibration_report(scores, gold, labels.train_counts, num_training, seed),
    }


def _threshold(threshold: float | np.ndarray) -> float | dict[str, float]:
    values = np.asarray(threshold, dtype=np.float64)
    if values.ndim == 0 or not values.size:
        return float(values) if values.ndim == 0 else {}
    return {"lowest": float(values.min()), "median": float(np.median(values)), "highest": float(values.max())}


def _intervals(gold: Gold, population: Population, seed: int) -> dict[str, Any]:
    selection = population.selection
    found = {
        "map": mean_interval(average_precisions(gold, population.standing.ahead), seed=seed),
        "micro_f1": micro_f1_interval(
            selection.document_true, selection.document_false, selection.document_missed, seed=seed
        ),
    }
    return {name: None if interval is None else asdict(interval) for name, interval in found.items()}


def _write_plots(folder: Path, report: dict[str, Any], whole: Population, compared: Sequence[ComparedBaseline]) -> None:
    folder.mkdir()
    true, chosen = int(whole.selection.label_true.sum()), int(whole.selection.label_selected.sum())
    point = (true / chosen, true / whole.standing.scores.size) if true else None
    curves = {"coder": precision_recall_curve(whole.standing)}
    curves |= {baseline.name: baseline.curve for baseline in compared}
    plot_precision_recall(folder / "precision_recall.png", curves, point)
    plot_f1_by_frequency(folder / "f1_by_frequency.png", report["frequency_bands"])
    if report["calibration"] is not None:
        plot_reliability(folder / "reliability.png", report["calibration"]["curve"])
