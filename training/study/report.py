"""The report of a study: every table in Markdown, the plots beside it, and where SD wins, ties and loses."""

from collections.abc import Callable
from pathlib import Path

from model.atomic_output import write_atomically
from training.study.inputs import StudyData
from training.study.ledger import Ledger
from training.study.plots import plot_chosen, plot_temperatures
from training.study.relation_plot import plot_relations
from training.study.results import Results
from training.study.run_study import Train
from training.study.sections import (
    ablation_section,
    chosen_section,
    cost_section,
    head,
    lambda_section,
    scale_section,
    temperature_section,
    verdict_section,
)
from training.study.variant_sections import term_section, variant_section

REPORT = "report.md"
SECTIONS: tuple[Callable[[Results], list[str]], ...] = (
    chosen_section,
    verdict_section,
    lambda_section,
    temperature_section,
    variant_section,
    term_section,
    ablation_section,
    scale_section,
    cost_section,
)


def write_report(ledger: Ledger, data: StudyData, resamples: int, again: Train | None) -> None:
    """Write report.md, loss.png, temperature.png and relations.png into the study's folder, over all its cells.

    The embeddings of the last plot are trained anew by ``again``, which gives the same ones, rather than kept for every
    cell; without it there is no such plot.
    """
    results = Results(ledger, resamples)
    lines = head(results, data, resamples)
    for section in SECTIONS:
        lines += section(results)
    lines += _plots(results, data, ledger.folder, again)
    write_atomically(ledger.folder / REPORT, ("\n".join(lines).rstrip() + "\n").encode())


def _plots(results: Results, data: StudyData, folder: Path, again: Train | None) -> list[str]:
    drawn = {
        "losses.png": plot_chosen(results, folder / "losses.png"),
        "temperature.png": plot_temperatures(results, folder / "temperature.png"),
    }
    if again is not None:
        drawn["relations.png"] = plot_relations(results, data, again, folder / "relations.png")
    lines = ["## Plots", ""]
    for name, caption in drawn.items():
        if caption is not None:
            lines += [f"![{caption}]({name})", "", caption, ""]
    return lines
