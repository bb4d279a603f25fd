"""What ``prepare`` says about a dataset directory that it wrote."""

import json
from typing import TYPE_CHECKING, Any

import typer

from model.icd import LABELS

if TYPE_CHECKING:
    from training.prepare.dataset_directory import Written

DROPPED = " dropped: "


def show_written(written: "Written", remedy: str | None) -> None:
    """Counts on stdout; what was left out or changed, and warnings, on stderr.

    ``remedy``: what to do about codes without a title; None where the warnings speak of them.
    """
    from training.prepare.icd_titles import untitled_warning

    documents = ", ".join(f"{split} {count:,}" for split, count in written.documents.items())
    codes = ", ".join(f"{count:,} {system}" for system, count in written.labels.items())
    what = codes if list(written.labels) == [LABELS] else f"{codes} codes"
    typer.echo(f"{sum(written.documents.values()):,} documents ({documents}), {what} -> {written.path}")
    manifest = json.loads((written.path / "manifest.json").read_text(encoding="utf-8"))
    if read_as := manifest.get("read_as"):
        typer.echo(f"read as {', '.join(f'{what}: {how}' for what, how in read_as.items())}", err=True)
    for what, steps in (("left out", _dropped(manifest)), ("changed", _changed(manifest))):
        if steps:
            typer.echo(f"{what}: {'; '.join(steps)} (every step is in {written.path / 'manifest.json'})", err=True)
    for warning in written.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if written.untitled and remedy is not None:
        typer.echo(f"warning: {untitled_warning(written.untitled, remedy)}", err=True)


def _dropped(manifest: dict[str, Any]) -> list[str]:
    """What was left out, such as "3 rows: code but no text"."""
    steps = ((row["rows"], *row["step"].split(DROPPED, 1)) for row in manifest["rows"] if DROPPED in row["step"])
    return [f"{count:,} {what}: {why}" for count, what, why in steps if count]


def _changed(manifest: dict[str, Any]) -> list[str]:
    """What was read from another form, or joined, such as "3 pieces of code cells: NULL words passed over"."""
    marks = ("pieces of code cells", "pieces of label cells", "rows joined", "notes that are")
    return [
        f"{row['rows']:,} {row['step']}" for row in manifest["rows"] if row["rows"] and row["step"].startswith(marks)
    ]
