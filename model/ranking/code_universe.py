"""The codes that a ranker may propose: the label space first, then codes of a table that training never saw."""

from collections.abc import Iterable

from model.icd import ICD9CM, ICD9PCS, ICD10CM, Code
from model.labels import Label, LabelSpace

TRAINED = "trained"
UNIVERSES = {TRAINED: (), "icd10cm": (ICD10CM,), "icd9cm": (ICD9CM, ICD9PCS)}
"""What ``--code-universe`` takes, and the systems of the table behind it."""


def code_universe(labels: LabelSpace, titles: Iterable[tuple[Code, str]] = ()) -> LabelSpace:
    """The label space, then the codes of a table that it lacks, in the table's order and with count 0.

    Raises:
        MalformedInput: the table names a code twice.
    """
    more = (Label(*code, title) for code, title in titles if labels.column(code) is None)
    return LabelSpace((*labels.labels, *more))
