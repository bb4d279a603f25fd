"""Metrics by training frequency."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from training.evaluation.classification import select
from training.evaluation.frequency_bands import frequency_bands
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import standing


def bands_of(scores: np.ndarray, gold: Gold, counts: np.ndarray) -> dict:
    found = frequency_bands(scores, gold, counts, select(scores, gold, 0.6), standing(scores, gold).ahead)
    return {band.name: band for band in found}


def test_bounds_are_the_published_ones():
    """Counts at the edges fall into the published bands, and every code into one."""
    counts = np.array([0, 1, 10, 11, 50, 51, 100, 101, 500, 501])
    scores = np.zeros((1, 10), dtype=np.float32)
    bands = bands_of(scores, Gold.from_rows([np.array([0])], 10), counts)
    assert {name: band.codes for name, band in bands.items()} == {
        "0": 1, "1-10": 2, "11-50": 2, "51-100": 2, "101-500": 2, ">500": 1,
    }  # fmt: skip


def test_f1_equals_scikit_learn_in_each_band(split):
    """Micro F1 over a band's codes, macro F1 over those present."""
    labels = split.truth.shape[1]
    counts = np.random.default_rng(1).choice([0, 5, 700], size=labels)
    chosen = (split.scores > np.float64(0.6)).astype(int)
    bands = bands_of(split.scores, split.gold, counts)
    for name, count in (("0", 0), ("1-10", 5), (">500", 700)):
        columns = np.flatnonzero(counts == count)
        micro = f1_score(split.truth[:, columns], chosen[:, columns], average="micro", zero_division=0)
        present = [c for c in columns if split.truth[:, c].any()]
        macro = np.mean([f1_score(split.truth[:, c], chosen[:, c], zero_division=0) for c in present])
        assert (bands[name].micro_f1, bands[name].macro_f1) == pytest.approx((micro, macro), abs=1e-9)
        assert bands[name].present == len(present)


def test_map_ranks_within_the_band_and_recall_within_all():
    """MAP looks at the band's columns alone; recall at 15 at the rank among all codes."""
    generator = np.random.default_rng(0)
    scores = generator.permutation(40 * 50).reshape(40, 50).astype(np.float64)
    truth = generator.random((40, 50)) < 0.1
    counts = np.where(np.arange(50) < 20, 3, 1000)
    gold = Gold.from_rows([np.flatnonzero(line) for line in truth], 50)
    band = bands_of(scores, gold, counts)["1-10"]
    precisions = [
        average_precision_score(line[:20], score[:20])
        for line, score in zip(truth, scores, strict=True)
        if line[:20].any()
    ]
    assert band.map == pytest.approx(np.mean(precisions), abs=1e-9)
    ranks = np.argsort(np.argsort(-scores, axis=1), axis=1)
    assert band.recall_at_15 == pytest.approx((ranks[:, :20][truth[:, :20]] < 15).mean())


def test_band_without_an_assigned_code_has_no_metrics():
    """Nothing assigned in a band: counts, and None for the rest."""
    bands = bands_of(np.zeros((1, 2)), Gold.from_rows([np.array([0])], 2), np.array([0, 5]))
    assert bands["1-10"].codes == 1
    assert bands["1-10"].micro_f1 is bands["1-10"].map is None
