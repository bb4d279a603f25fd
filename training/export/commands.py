"""The verb ``export``: a bundle with an int8 encoder, or what a bundle makes of each document, as Parquet."""

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

  icd-coder export embeddings --bundle BUNDLE --data DATA --out EMBEDDINGS.parquet

  icd-coder export scores --bundle BUNDLE --data DATA --splits test --out SCORES.parquet

int8 needs the extra: pip install -c constraints.txt -e '.[openvino]'
"""
Bundle = Annotated[Path, typer.Option(help="Bundle directory, made by `icd-coder train`.")]
Data = Annotated[Path, typer.Option(help="Dataset directory, made by `icd-coder prepare`.")]
ParquetFile = Annotated[Path, typer.Option(help="Parquet file to write, private to its owner; must not be there yet.")]
Splits = Annotated[
    str, typer.Option(help="train, dev, test, with commas. Default: all that have documents.", show_default=False)
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
export = typer.Typer(invoke_without_command=True, epilog=EXPORT_EXAMPLES)


@export.callback(epilog=EXPORT_EXAMPLES)
def export_bundle(
    context: typer.Context,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Bundle directory, made by `icd-coder train`; it stays as it is.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Bundle directory to write.", show_default=False)] = None,
    export_format: Annotated[
        str | None, typer.Option("--format", help="openvino: the encoder in int8, for CPUs.", show_default=False)
    ] = None,
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

    The notes that calibrate leave nothing in the bundle but ranges of numbers. `export embeddings` and `export scores`
    write what a bundle makes of each document.
    """
    given = {"--bundle": bundle, "--out": out, "--format": export_format}
    if context.invoked_subcommand is not None:
        if any(value is not None for value in (*given.values(), calibration)):
            context.fail(f"write the options behind '{context.invoked_subcommand}'")
        return
    if bundle is None or out is None or export_format is None:
        context.fail(f"Missing option '{next(name for name, value in given.items() if value is None)}'.")
    if export_format not in FORMATS:
        raise InvalidOption(f"--format must be one of {', '.join(FORMATS)}, got '{export_format}'")
    from training.export.openvino_bundle import export_openvino

    bundle_id = export_openvino(bundle, calibration, out, seed)
    typer.echo(f"bundle {bundle_id[:12]} written to {out}")


@export.command(
    epilog="Example:\n\n  icd-coder export embeddings --bundle BUNDLE --data DATA --splits train,test --out E.parquet"
)
def embeddings(bundle: Bundle, data: Data, out: ParquetFile, splits: Splits = "", device: Device = "auto") -> None:
    """Write the embedding of each document as Parquet: document_id, split, embedding (unit row, float32).

    A bundle with a ranker also gives code_vector, the sparse vector of the codes that it predicts: system, code and
    value. Embeddings and code vectors are derived from the notes: treat the file as you treat the notes.
    """
    from model.network.device import resolve_device
    from training.export.parquet_exports import export_embeddings

    written = export_embeddings(bundle, data, out, _words(splits), resolve_device(device))
    typer.echo(f"{written.documents:,} embeddings written to {out}: they are derived from the notes")


@export.command(
    epilog="Example:\n\n  icd-coder export scores --bundle BUNDLE --data DATA --splits test --top-k 50 --out S.parquet"
)
def scores(
    bundle: Bundle,
    data: Data,
    out: ParquetFile,
    splits: Splits = "",
    top_k: Annotated[int, typer.Option(help="Codes a document, the most probable first.", min=1)] = 100,
    device: Device = "auto",
) -> None:
    """Write the ranked codes of each document as Parquet: document_id, split, system, code, probability, rank.

    The codes are the candidates of the bundle's ranker, or all codes of a bundle without one; no stored note is heard.
    Of documents that the bundle was trained on they flatter. They say what a patient has: treat the file as you treat
    the notes.
    """
    from model.network.device import resolve_device
    from training.export.parquet_exports import export_scores

    written = export_scores(bundle, data, out, _words(splits), resolve_device(device), top_k)
    left = f"; --top-k left out {written.left_out:,} less probable ones" if written.left_out else ""
    typer.echo(f"{written.rows:,} codes of {written.documents:,} documents written to {out}{left}")


def _words(value: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
