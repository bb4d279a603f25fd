"""The figures of a report that one looks at first, in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HEADLINES = {
    "map": "MAP",
    "micro_f1": "micro-F1",
    "macro_f1_all": "macro-F1 (all)",
    "precision_at_8": "P@8",
    "micro_auc": "micro-AUC",
    "macro_auc": "macro-AUC",
}


def print_report(report: Mapping[str, Any], folder: Path) -> None:
    """Print headline metrics in both code populations, and the baselines where there are any."""
    console = Console()
    table = Table(title=f"{report['data']}, split {report['split']}: {report['documents']} documents")
    table.add_column("metric")
    for population in ("all", "present"):
        table.add_column(f"{population} ({report['codes'][population]} codes)", justify="right")
    for name, title in HEADLINES.items():
        values = (report["metrics"][population].get(name) for population in ("all", "present"))
        table.add_row(title, *(_number(value) for value in values))
    console.print(table)
    if report["baselines"]:
        console.print(_baselines(report))
    console.print(f"Everything else, with intervals and plots: {folder / 'report.md'}", soft_wrap=True)


def _baselines(report: Mapping[str, Any]) -> Table:
    table = Table(title="MAP over all codes beside the baselines (paired bootstrap, 95% interval)")
    for column in ("", "MAP", "coder minus baseline", "interval"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("coder", _number(report["metrics"]["all"]["map"]), "", "")
    for name, populations in report["baselines"].items():
        found, difference = populations["all"], populations["all"]["map_difference"]
        if difference is None:
            table.add_row(name, _number(found["map"]), "", "")
            continue
        interval = f"[{difference['low']:+.4f}, {difference['high']:+.4f}]"
        table.add_row(name, _number(found["map"]), f"{difference['value']:+.4f}", interval)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
