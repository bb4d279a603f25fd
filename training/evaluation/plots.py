"""The plots of a report; matplotlib is imported when one is drawn, and pyplot's state never."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_POINTS = 2_000
"""Points drawn of a curve; a full MIMIC test split has 60,000."""


def plot_precision_recall(
    path: Path,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    operating_point: tuple[float, float] | None,
) -> None:
    """Micro precision over recall, all codes; the point is (precision, recall) at the threshold."""
    figure, axes = _figure()
    for name, (precision, recall) in curves.items():
        shown = np.unique(np.linspace(0, max(len(recall) - 1, 0), _POINTS).astype(int))[: len(recall)]
        axes.plot(recall[shown], precision[shown], label=name)
    if operating_point is not None:
        axes.plot(operating_point[1], operating_point[0], "o", color="black", label="coder at its threshold")
    axes.set(xlabel="recall (micro)", ylabel="precision (micro)", xlim=(0, 1), ylim=(0, 1), title="All codes")
    axes.legend()
    figure.savefig(path)


def plot_f1_by_frequency(path: Path, bands: Sequence[Mapping[str, Any]]) -> None:
    """Micro and macro F1 by training count; a band without an assigned code has no bar."""
    figure, axes = _figure()
    places = np.arange(len(bands))
    for offset, name, label in (
        (-0.2, "micro_f1", "micro F1"),
        (0.2, "macro_f1", "macro F1 (codes present)"),
    ):
        axes.bar(places + offset, [band[name] or 0.0 for band in bands], width=0.4, label=label)
    axes.set_xticks(places, [f"{band['name']}\n{band['present']} of\n{band['codes']} codes" for band in bands])
    axes.set(xlabel="training documents with the code; codes present in the split", ylabel="F1", ylim=(0, 1))
    axes.legend()
    figure.savefig(path)


def plot_reliability(path: Path, curve: Sequence[Mapping[str, Any]]) -> None:
    """Share of assigned codes over the mean probability of each bin; on the diagonal probabilities come true."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], "--", color="gray", label="what it says comes true")
    axes.plot(
        [each["mean_probability"] for each in curve], [each["share_assigned"] for each in curve], "o-", label="coder"
    )
    axes.set(xlabel="mean probability", ylabel="share assigned", xlim=(0, 1), ylim=(0, 1))
    axes.set(title="Highest-ranked codes of each document, bins of equal mass")
    axes.legend()
    figure.savefig(path)


def _figure() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
