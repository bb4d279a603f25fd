"""The plot of a retrieval report; matplotlib is imported when it is drawn, and pyplot's state never."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TITLES = {"jaccard": "label Jaccard@10", "ndcg": "nDCG@10", "rare_recall": "recall of rare codes@10"}


def plot_measures(path: Path, systems: Sequence[Mapping[str, Any]]) -> None:
    """One panel a measure, one bar a system with its 95% interval; a measure over no document has no bars."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.5 + 0.45 * len(systems)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    places = np.arange(len(systems))[::-1]
    for axes, (measure, title) in zip(figure.subplots(1, len(TITLES), sharey=True), TITLES.items(), strict=True):
        found = [system[measure]["interval"] for system in systems]
        values = np.array([interval["value"] if interval else 0.0 for interval in found])
        low = np.array([interval["low"] if interval else 0.0 for interval in found])
        high = np.array([interval["high"] if interval else 0.0 for interval in found])
        errors = np.maximum([values - low, high - values], 0.0)
        axes.barh(places, values, xerr=errors, color=["C0", *["C7"] * (len(systems) - 1)], capsize=3)
        axes.set_yticks(places, [system["name"] for system in systems])
        axes.set(title=f"{title}\n{systems[0][measure]['documents']} documents")
    figure.savefig(path)
