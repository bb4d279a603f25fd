"""The codes of a prediction as CSV (RFC 4180): a row a code, evidence as offsets, no word of the note."""

import csv
from collections.abc import Sequence
from io import StringIO

from app.coding.schemas import SuggestedCode

COLUMNS = ("rank", "system", "code", "title", "probability", "threshold", "selected", "train_count", "evidence")


def csv_codes(codes: Sequence[SuggestedCode]) -> str:
    """A line of names, then a line for each code; evidence is ``begin-end`` in code points, several with blanks."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for code in codes:
        writer.writerow(code_cells(code))
    return text.getvalue()


def code_cells(code: SuggestedCode) -> tuple[object, ...]:
    """The cells of a code, by COLUMNS."""
    spans = " ".join(f"{span.start}-{span.end}" for span in code.evidence)
    selected = "true" if code.selected else "false"
    values = (code.rank, code.system, code.code, code.title, code.probability, code.threshold, selected)
    return (*values, code.train_count, spans)
