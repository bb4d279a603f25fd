"""A comparison of two reports, in the terminal or as JSON."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from training.evaluation.markdown import METRIC_TITLES
from training.evaluation.populations import POPULATIONS
from training.evaluation.report_comparison import Difference, ReportComparison


def print_comparison(comparison: ReportComparison) -> None:
    """One table for each code population; a star marks intervals that leave out 0."""
    console = Console()
    for population in POPULATIONS:
        table = Table(
            title=f"{comparison.data}, split {comparison.split}: {comparison.documents} documents, codes: {population}"
        )
        table.add_column("metric")
        for column in (comparison.first, comparison.second, "difference", "95% interval", ""):
            table.add_column(column, justify="right")
        for difference in comparison.differences:
            if difference.population == population:
                table.add_row(*_cells(difference))
        console.print(table)
    console.print(
        f"Difference: {comparison.first} minus {comparison.second}, paired bootstrap over documents; "
        "* the interval leaves out 0 (one of many metrics does so by chance).",
        soft_wrap=True,
        markup=False,
    )


def comparison_json(comparison: ReportComparison) -> str:
    """Everything, for a program."""
    plain = asdict(comparison)
    for row, difference in zip(plain["differences"], comparison.differences, strict=True):
        row["clear"] = difference.clear
    return json.dumps(plain, indent=2, allow_nan=False)


def _cells(difference: Difference) -> tuple[str, ...]:
    interval = difference.difference
    return (
        METRIC_TITLES[difference.metric],
        f"{difference.first:.4f}",
        f"{difference.second:.4f}",
        f"{interval.value:+.4f}",
        f"[{interval.low:+.4f}, {interval.high:+.4f}]",
        "*" if difference.clear else "",
    )
