"""Seconds of all metrics on a random score matrix of the size of MIMIC-III-Full's test split.

Run ``python tests/benchmarks/benchmark_metrics.py [tied]``. Zipf frequencies, 15.9 positives a row; ``tied``:
nine scores of ten are 0, as a neighbour vote gives. Published evaluations take 27 to 41 s on two cores.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from training.evaluation.areas import label_aucs
from training.evaluation.bootstrap import mean_interval, micro_f1_interval
from training.evaluation.frequency_bands import frequency_bands
from training.evaluation.gold import Gold
from training.evaluation.populations import population_metrics, populations
from training.evaluation.ranking import average_precisions
from training.evaluation.score_matrix import checked_scores
from training.evaluation.thresholds import best_global_threshold

DOCUMENTS, LABELS, POSITIVES = 3_372, 8_929, 15.9


def main() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random((DOCUMENTS, LABELS), dtype=np.float32) ** 4
    if "tied" in sys.argv[1:]:
        scores[generator.random(scores.shape, dtype=np.float32) < 0.9] = 0
    frequency = 1 / np.arange(1, LABELS + 1) ** 1.2
    rows = [
        np.unique(generator.choice(LABELS, size=size, p=frequency / frequency.sum()))
        for size in generator.poisson(POSITIVES * 1.43, size=DOCUMENTS)  # the same code drawn twice counts once
    ]
    train_counts = (47_719 * 2.5 * frequency / frequency.sum()).astype(np.int64)

    started = time.perf_counter()
    gold = Gold.from_rows(rows, LABELS)
    counted = populations(checked_scores(scores, gold), gold, 0.9)
    report = population_metrics(scores, gold, counted)
    metrics = time.perf_counter()
    whole = counted["all"]
    frequency_bands(scores, gold, train_counts, whole.selection, whole.standing.ahead)
    bands = time.perf_counter()
    mean_interval(average_precisions(gold, whole.standing.ahead))
    selection = whole.selection
    micro_f1_interval(selection.document_true, selection.document_false, selection.document_missed)
    bootstrap = time.perf_counter()
    best_global_threshold(scores, rows)
    threshold = time.perf_counter()
    label_aucs(scores, gold)
    areas = time.perf_counter()

    lines = [
        f"{scores.shape}, {gold.rows.size / DOCUMENTS:.1f} positives a row, {gold.present.size} present",
        f"{len(report['all'])} metrics in both populations  {metrics - started:6.2f} s",
        f"  of these macro AUC                 {areas - threshold:6.2f} s",
        f"frequency bands                      {bands - metrics:6.2f} s",
        f"bootstrap of MAP and micro-F1        {bootstrap - bands:6.2f} s",
        f"global threshold                     {threshold - bootstrap:6.2f} s",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
