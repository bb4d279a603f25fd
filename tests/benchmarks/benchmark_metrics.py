"""Seconds of all metrics on a random score matrix of the size of MIMIC-III-Full's test split.

Run ``python tests/benchmarks/benchmark_metrics.py [tied]``. Zipf frequencies, 15.9 positives a row; ``tied``:
nine scores of ten are 0, as a neighbour vote gives. Published evaluations take 27 to 41 s on two cores. Where others
use the processors too, half of the CPU seconds is the better measure.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from training.evaluation.bootstrap import mean_interval, micro_f1_interval
from training.evaluation.frequency_bands import frequency_bands
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.populations import calibration_errors, population_metrics, populations
from training.evaluation.ranking_metrics import average_precisions
from training.evaluation.roc_and_pr_areas import label_aucs
from training.evaluation.score_matrix import checked_scores
from training.evaluation.stream import ScoreStream
from training.evaluation.threshold_tuning import threshold_for_precision, thresholds_per_code

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

    clock = _Clock()
    gold = Gold.from_rows(rows, LABELS)
    counted = populations(checked_scores(scores, gold), gold, 0.9)
    report = population_metrics(scores, gold, counted)
    clock.lap(f"{len(report['all'])} metrics in both populations")
    calibration_errors(scores, gold)
    clock.lap("  of these calibration error")
    label_aucs(scores, gold)
    clock.lap("  of these macro AUC")
    whole, selection = counted["all"], counted["all"].selection
    frequency_bands(scores, gold, train_counts, selection, whole.standing.ahead)
    clock.lap("frequency bands")
    mean_interval(average_precisions(gold, whole.standing.ahead))
    micro_f1_interval(selection.document_true, selection.document_false, selection.document_missed)
    clock.lap("bootstrap of MAP and micro-F1, 1,000 resamples")
    best_global_threshold(scores, rows)
    clock.lap("global threshold")
    thresholds_per_code(scores, rows)
    clock.lap("threshold for each code, with the global one")
    threshold_for_precision(scores, rows, 0.001)
    clock.lap("threshold for a precision")
    with ScoreStream(LABELS) as stream:
        for start in range(0, DOCUMENTS, 64):
            stream.add(scores[start : start + 64], rows[start : start + 64])
        clock.lap("scores to disk in batches of 64")
        streamed = populations(stream.scores, gold, 0.9)
        same = population_metrics(stream.scores, gold, streamed) == report
        clock.lap(f"the metrics from disk ({'the same' if same else 'OTHERS'})")
    title = f"{scores.shape}, {gold.rows.size / DOCUMENTS:.1f} positives a row, {gold.present.size} present"
    sys.stdout.write("\n".join([f"{title:<62}    wall     CPU", *clock.lines]) + "\n")


class _Clock:
    """Seconds since the last lap: wall clock, and of all processors together."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.lines.append(f"{name:<62}{wall - self._wall:6.2f} s{cpu - self._cpu:6.2f} s")
        self._wall, self._cpu = time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
