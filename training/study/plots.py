"""Plots of a study's figures; matplotlib is imported when one is drawn, and pyplot's state never."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import write_atomically
from training.study.results import Results
from training.study.sections import FIGURES, WHOLE

SHOWN = ("micro_f1", "map", "neighbour_jaccard")


def plot_chosen(results: Results, path: Path) -> str:
    """Every loss at its chosen lambda with its interval; the caption."""
    settings = [setting for loss in WHOLE if (setting := results.chosen(loss)) is not None]
    figure, panels = new_figure(len(SHOWN), 1.5 + 0.35 * len(settings))
    places = np.arange(len(settings))[::-1]
    for axes, name in zip(panels, SHOWN, strict=True):
        found = [results.estimate(setting, name) for setting in settings]
        for place, one in zip(places, found, strict=True):
            if one is not None:
                reach = np.maximum([[one.value - one.low], [one.high - one.value]], 0)
                axes.errorbar(one.value, place, xerr=reach, fmt="o", capsize=3)
        axes.set_yticks(places, [f"{one.loss} ({one.weight:g})" if one.weight else one.loss for one in settings])
        axes.set(title=FIGURES[name])
    save_figure(figure, path)
    return "Every loss at its chosen lambda (in brackets), mean over seeds with the 95% interval."


def plot_temperatures(results: Results, path: Path) -> str | None:
    """Figures over tau for every loss, lambda and scale that was run at several; the caption, or None."""
    lines: dict[str, list[Any]] = {}
    for setting in results.settings(WHOLE):
        scale = "" if setting.scale == "plain" else ", matched"
        lines.setdefault(f"{setting.loss}, lambda {setting.weight:g}{scale}", []).append(setting)
    lines = {name: found for name, found in lines.items() if len({one.temperature for one in found}) > 1}
    if not lines:
        return None
    figure, panels = new_figure(len(SHOWN), 4)
    for axes, name in zip(panels, SHOWN, strict=True):
        for label, settings in lines.items():
            values = [results.seed_mean(one, name) for one in settings]
            axes.plot(
                [one.temperature for one in settings],
                values,
                "o-",
                label=label,
            )
        axes.set(xscale="log", xlabel="tau", title=FIGURES[name])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    save_figure(figure, path)
    return "Figures over tau, mean over seeds."


def new_figure(panels: int, height: float) -> tuple[Any, list[Any]]:
    """A figure with some panels side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * panels, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, content.getvalue())
