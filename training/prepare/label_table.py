"""Turns a table of texts with labels of any kind, which are no ICD codes, into a dataset directory."""

from pathlib import Path

from model.icd import LABELS
from training.prepare.dataset_directory import Record, Written
from training.prepare.label_cells import LabelCells, separator_named
from training.prepare.table import Shares, TableForm, write_table
from training.prepare.table_columns import TableColumns


def prepare_labels(
    source: Path,
    out: Path,
    columns: TableColumns,
    separator: str = "semicolon",
    form: TableForm | None = None,
    *,
    shares: Shares | None = None,
) -> Written:
    """Write the dataset directory of the rows that have a text and a label, as ``prepare_table`` does.

    Args:
        columns: its ``codes`` are the columns of labels.
        separator: between two labels of a cell of text, see :func:`separator_named`.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    cells = LabelCells(separator_named(separator))
    named = columns.named()
    shown = {"text": named["text"], "labels": named["codes"], "id": named["id"], "subject": named["subject"]}
    record = Record({"source": "table of labels", "systems": [LABELS], "columns": shown, "separator": separator})
    return write_table(source, out, columns, form or TableForm(), lambda: cells, record, shares or Shares())
