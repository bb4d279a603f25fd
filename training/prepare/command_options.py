"""Options that several commands of ``prepare`` take."""

from pathlib import Path
from typing import Annotated

import typer

LabelList = Annotated[
    Path | None,
    typer.Option(help="For --labels 50 or full-caml: a file with one dotted code a line, such as the published list."),
]
Out = Annotated[Path, typer.Option(help="Dataset directory to write; must not be there yet.")]
Seed = Annotated[int, typer.Option(help="Seed of the split by patient.")]
DevShare = Annotated[float, typer.Option(help="Share of the patients in dev, for the split by patient.")]
TestShare = Annotated[float, typer.Option(help="Share of the patients in test, for the split by patient.")]
TableSource = Annotated[
    Path,
    typer.Option(
        help="A .csv, .tsv, .txt or .jsonl file (also .gz), .parquet or .xlsx; one text, or one code or label, a row."
    ),
]
Delimiter = Annotated[
    str | None, typer.Option(help="comma, semicolon, tab, pipe or one character. Default: by the header.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Such as utf-8, utf-16 or windows-1252. Default: by the file's bytes.")
]
