"""The command ``prepare labels``."""

from typing import Annotated

import typer

from training.prepare.command_options import Delimiter, DevShare, Encoding, Out, Seed, TableSource, TestShare
from training.prepare.terminal import show_written

LABEL_EXAMPLES = """
Examples:

  icd-coder prepare labels --source hallmarks.csv --text abstract --labels hallmarks --out data/hallmarks

  icd-coder prepare labels --source reuters.jsonl --text body --labels topics --split part --out data/reuters

  icd-coder prepare labels --source long.csv --id doc --text body --labels topic --out data/long      (a row a label)

  icd-coder prepare labels --source wide.xlsx --text body --labels first,second,third --out data/wide
"""


def labels(
    source: TableSource,
    text: Annotated[str, typer.Option(help="Column with the text.")],
    labels: Annotated[
        list[str],
        typer.Option(
            help="Column with the names of the labels, with a separator between two or as a JSON list; repeatable, or "
            "with commas, for several columns. A name is at most 100 characters long, without a line break."
        ),
    ],
    out: Out,
    separator: Annotated[
        str,
        typer.Option(help="Between two labels of a cell: semicolon, comma, pipe, tab, slash, any text, or none."),
    ] = "semicolon",
    document: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="Column with the text's id; rows of one id are one document, with the labels of all of them. "
            "Default: a row is a document.",
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            help="Column with a patient, author or source whose texts must stay in one split. Default: every document "
            "has its own."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column with train, dev (val, validation) or test. Default: seeded, stratified by label."),
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    seed: Seed = 0,
    dev_share: DevShare = 0.1,
    test_share: TestShare = 0.1,
) -> None:
    """A table with labels that are no ICD codes: topics, hallmarks, functions.

    A label's name is also its title. NULL, NaN, none and - are no labels. A text without a label is left out and
    counted.
    """
    from training.prepare.label_table import prepare_labels
    from training.prepare.table import Shares, TableForm
    from training.prepare.table_columns import TableColumns

    written = prepare_labels(
        source,
        out,
        TableColumns(text, labels, document, subject, split),
        separator,
        TableForm(delimiter, encoding),
        shares=Shares(seed, dev_share, test_share),
    )
    show_written(written, None)
