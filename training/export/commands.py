"""The verb ``export``."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import InvalidOption

FORMATS = ("openvino",)
EXPORT_EXAMPLES = """
Examples:

  icd-coder export --bundle BUNDLE --format openvino --calibration DATA --out BUNDLE2

  icd-coder evaluate --bundle BUNDLE2 --data DATA --split dev --out REPORT      (what int8 costs)

  icd-coder index --bundle BUNDLE2 --data DATA      (int8 embeddings are kept apart from others)

  icd-coder serve --bundle BUNDLE2

Needs the extra: pip install -c constraints.txt -e '.[openvino]'
"""


def export(
    bundle: Annotated[Path, typer.Option(help="Bundle directory, made by `icd-coder train`; it stays as it is.")],
    out: Annotated[Path, typer.Option(help="Bundle directory to write.")],
    export_format: Annotated[str, typer.Option("--format", help="openvino: the encoder in int8, for CPUs.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Dataset directory whose training notes set the ranges of int8: the one that the bundle was trained "
            "on. Default: the titles of the codes, which are less like a note and cost more accuracy.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice of notes.", min=0)] = 1,
) -> None:
    """Write a bundle that answers faster on a CPU: with the encoder in int8 beside its weights.

    The notes that calibrate leave nothing in the bundle but ranges of numbers.
    """
    if export_format not in FORMATS:
        raise InvalidOption(f"--format must be one of {', '.join(FORMATS)}, got '{export_format}'")
    from training.export.openvino_bundle import export_openvino

    bundle_id = export_openvino(bundle, calibration, out, seed)
    typer.echo(f"bundle {bundle_id[:12]} written to {out}")
