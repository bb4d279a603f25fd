"""A ranking of codes for every document, as the CodiEsp shared task's evaluation reads it.

``id<TAB>code`` in lower case, best first (Miranda-Escalada et al. 2020, "Overview of automatic clinical coding", the
diagnosis and procedure subtasks).
"""

from collections.abc import Sequence

from model.labels import LabelSpace

RUN_FILE = "run.tsv"
CODES = 500
"""Codes a document at most; the evaluation of MAP looks no further."""


def run_lines(document_id: str, columns: Sequence[int], codes: LabelSpace) -> list[str]:
    """Lines of one document; ``columns`` best first."""
    return [f"{document_id}\t{codes[column].code.lower()}" for column in columns[:CODES]]
