"""Milliseconds to join the channels of 2,000 candidates and to score them by 100 trees.

``python -m tests.benchmarks.benchmark_combiner``: medians of 50 runs on one thread, over 8,929 codes.
"""

import statistics
import time

import numpy as np

from model.candidates import Channel, ChannelFeatures, join
from model.labels import Label, LabelSpace
from model.ranking.channels import classifier_channel
from model.ranking.code_prior import prior_channel
from training.ranking.combiner_fit import fit_trees

CODES, CANDIDATES, RUNS = 8_929, 2_000, 50


def sparse_channel(random: np.random.Generator, name: str, width: int) -> Channel:
    """An invented channel that proposes 900 codes."""
    columns = np.sort(random.choice(CODES, 900, replace=False))
    names = tuple(f"{name}.{number}" for number in range(width))
    return Channel(name, ChannelFeatures(columns, random.random((900, width)).astype(np.float32), names))


def main() -> None:
    random = np.random.default_rng(0)
    sparse = [sparse_channel(random, name, width) for name, width in (("a", 6), ("b", 16), ("c", 6))]
    probabilities, counts = random.random(CODES), random.integers(0, 500, CODES)
    labels = (Label("icd9cm", f"{number:05}", "", count) for number, count in enumerate(counts.tolist()))
    prior = prior_channel(LabelSpace(tuple(labels)), 40_000)

    def candidates() -> tuple[np.ndarray, int]:
        found = join([classifier_channel(probabilities, counts > 0), prior, *sparse])
        return found.values, len(found.columns)

    values, number = candidates()
    print(f"{number} candidates join; {CANDIDATES} are scored over {values.shape[1]} features")
    rows = random.integers(0, number, 20_000)
    trees = fit_trees(values[rows], random.random(20_000) < 1 / (1 + np.exp(-np.nan_to_num(values[rows, 0]))))
    scored = values[random.integers(0, number, CANDIDATES)]
    taken: dict[str, list[float]] = {"join": [], "trees": []}
    for _ in range(RUNS):
        for name, call in (("join", candidates), ("trees", lambda: trees.scores(scored))):
            start = time.process_time()
            call()
            taken[name].append(1000 * (time.process_time() - start))
    for name, times in taken.items():
        print(f"{name}: {statistics.median(times):.1f} ms of processor time, lowest {min(times):.1f}")


if __name__ == "__main__":
    main()
