"""The codes of a prediction as CSV (RFC 4180): one row for each code, evidence as offsets, no text of the note."""

import csv
from collections.abc import Sequence
from io import StringIO

from app.wire import plain_cell
from icd_coder_client.coding import SuggestedCode

COLUMNS = ("rank", "system", "code", "title", "probability", "threshold", "selected", "train_count", "evidence")


def csv_codes(codes: Sequence[SuggestedCode]) -> str:
    """A header, then a row for each code; evidence is ``begin-end`` in code points, separated by spaces."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for code in codes:
        writer.writerow(map(plain_cell, code_cells(code)))
    return text.getvalue()


def code_cells(code: SuggestedCode) -> tuple[object, ...]:
    """The cells of one code, in the order of ``COLUMNS``."""
    spans = " ".join(f"{span.start}-{span.end}" for span in code.evidence)
    selected = "true" if code.selected else "false"
    values = (code.rank, code.system, code.code, code.title, code.probability, code.threshold, selected)
    return (*values, code.train_count, spans)
