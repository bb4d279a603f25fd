"""The verb ``verify-data``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.verification.mimic3 import Check, Verification

verify_data = typer.Typer(help="Compare a prepared dataset with the published statistics.", no_args_is_help=True)


@verify_data.callback()
def _verify_data() -> None:
    """Compare a prepared dataset with the published statistics."""


@verify_data.command()
def mimic3(
    data: Annotated[Path, typer.Option(help="Dataset directory, made by `icd-coder prepare mimic3`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Every count beside its published value, and what a difference usually means; exit code 1 when one differs.

    Example: icd-coder verify-data mimic3 --data data/mimic3
    """
    from training.verification.mimic3 import verify_mimic3

    verification = verify_mimic3(data)
    if as_json:
        typer.echo(json.dumps(_plain(verification), indent=2))
    else:
        _print(verification, data)
    if not verification.agrees:
        raise typer.Exit(1)


def _plain(verification: "Verification") -> dict[str, object]:
    return {
        "labels": verification.labels,
        "published_splits": verification.published_splits,
        "agrees": verification.agrees,
        "checks": [asdict(check) | {"agrees": check.agrees} for check in verification.checks],
        "remarks": list(verification.remarks),
    }


def _print(verification: "Verification", data: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{data.name}, label set {verification.labels}, beside MIMIC-III v1.4 as published")
    table.add_column("count")
    for column in ("expected", "found"):
        table.add_column(column, justify="right")
    table.add_column("")
    for check in verification.checks:
        table.add_row(check.name, *_values(check), "ok" if check.agrees else "DIFFERS")
    console.print(table)
    for meaning, names in _meanings(verification).items():
        console.print(f"{', '.join(names)}: {meaning}.", soft_wrap=True, markup=False)
    for remark in verification.remarks:
        console.print(f"Note: {remark}.", soft_wrap=True, markup=False)
    wrong = sum(not check.agrees for check in verification.checks)
    verdict = f"{wrong} of {len(verification.checks)} differ" if wrong else f"all {len(verification.checks)} agree"
    console.print(verdict, markup=False)


def _values(check: "Check") -> tuple[str, str]:
    expected = " or ".join(f"{value:,.{check.decimals}f}" for value in dict.fromkeys(check.expected))
    near = f" ± {check.tolerance:g}" if check.tolerance else ""
    decimals = max(check.decimals, 1) if check.tolerance else check.decimals
    return f"{expected}{near}{check.unit}", f"{check.found:,.{decimals}f}{check.unit}"


def _meanings(verification: "Verification") -> dict[str, list[str]]:
    """What the differences usually mean, each said once."""
    meanings: dict[str, list[str]] = {}
    for check in verification.checks:
        if not check.agrees:
            meanings.setdefault(check.meaning, []).append(check.name)
    return meanings
