"""Prints the retrieval report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.evaluation.markdown_table import signed_interval
from training.retrieval.markdown import TITLES, verdict


def print_retrieval(report: Mapping[str, Any], folder: Path) -> None:
    """Print the systems with the bundle's lead in nDCG, then the coders."""
    console = Console()
    console.print(_systems(report))
    if report["coders"] is not None:
        console.print(_coders(report))
    console.print(f"Everything else, with intervals and a plot: {folder / 'retrieval.md'}", soft_wrap=True)


def _systems(report: Mapping[str, Any]) -> Table:
    title = f"{report['data']}, split {report['split']}: {report['k']} nearest of {report['training_documents']}"
    table = Table(title=title)
    table.add_column("neighbours by")
    for name in (*TITLES.values(), "bundle's lead in nDCG"):
        table.add_column(name, justify="right")
    table.add_column("bundle is")
    for system in report["systems"]:
        lead = system["ndcg"]["bundle_minus_this"]
        values = [_value(system[measure]["interval"]) for measure in TITLES]
        said = "" if system["name"] == report["bundle"] else verdict(lead)
        table.add_row(system["name"], *values, signed_interval(lead), said)
    return table


def _coders(report: Mapping[str, Any]) -> Table:
    table = Table(title=f"coders, tuned on {report['tuned_on']}")
    for column in ("", "MAP", "minus classifier's", "micro-F1"):
        table.add_column(column, justify="right" if column else "left")
    for coder in report["coders"]:
        table.add_row(
            coder["name"], _value(coder["map"]), signed_interval(coder["map_difference"]), _value(coder["micro_f1"])
        )
    return table


def _value(interval: Mapping[str, float] | None) -> str:
    return "-" if interval is None else f"{interval['value']:.4f}"
