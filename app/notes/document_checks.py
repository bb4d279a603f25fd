"""What a dataset must fulfil before any of its documents is stored: the checks of ``prepare`` and of the service.

An earlier version may have prepared it. Messages name ids, counts and positions, never words or a cell that is no code.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from model.dataset import Dataset, Document
from model.errors import InvalidNote, LabelSpaceMismatch, MalformedInput
from model.icd import SYSTEMS, Code, normalise
from model.labels import LabelSpace
from model.text.note_text import check_note

LONGEST_ID = 200
"""The columns' limit, which only PostgreSQL itself would enforce."""
LONGEST_CODE = 20
"""PostgreSQL's limit of a code, which the names of labels that are no ICD codes may exceed; SQLite keeps them all."""


@dataclass(frozen=True)
class CodeUse:
    """Codes of documents, and those among them that a bundle cannot suggest."""

    codes: int
    assignments: int
    lacked_codes: int = 0
    lacked_assignments: int = 0

    @property
    def warning(self) -> str | None:
        """One sentence, or None where the bundle has every code."""
        if not self.lacked_codes:
            return None
        return (
            f"the bundle has no code for {self.lacked_codes:,} of the {self.codes:,} codes "
            f"({self.lacked_assignments:,} of {self.assignments:,} assignments): no suggestion is supported by them"
        )


def require_distinct(document_ids: Iterable[str]) -> None:
    """Raise MalformedInput where two documents share an id."""
    document_id, count = Counter(document_ids).most_common(1)[0]
    if count > 1:
        raise MalformedInput(f"the document id '{document_id}' occurs {count} times: prepare the data again")


def require_short_ids(document: Document) -> None:
    """Raise MalformedInput, on both engines alike, for what only PostgreSQL refuses."""
    if max(len(document.document_id), len(document.subject_id or "")) > LONGEST_ID:
        raise MalformedInput(
            f"the document '{document.document_id[:40]}...' has an id or a patient's id of more than {LONGEST_ID} "
            "characters: shorten it and prepare the data again"
        )


def require_short_codes(documents: Iterable[Document]) -> None:
    """Raise MalformedInput for labels that PostgreSQL cannot keep."""
    longest = max((len(code.code) for document in documents for code in document.codes), default=0)
    if longest > LONGEST_CODE:
        raise MalformedInput(
            f"the longest label has {longest} characters, and PostgreSQL keeps {LONGEST_CODE} of one: index into a "
            "file with --database sqlite:///FILE, or prepare the data with shorter names"
        )


def require_notes(documents: Iterable[Document]) -> None:
    """Raise MalformedInput where a text is no note that the service would code."""
    found = [(document.document_id, problem) for document in documents if (problem := _problem(document.text))]
    if found:
        document_id, problem = found[0]
        raise MalformedInput(
            f"documents that cannot be coded: {len(found):,}, first '{document_id[:40]}' ({problem}): prepare the data "
            "again"
        )


def require_codes(dataset: Dataset, documents: Sequence[Document], codes: LabelSpace) -> CodeUse:
    """How the codes of documents fit those that a bundle answers with.

    Raises:
        MalformedInput: codes that are none of their system, unless the dataset has a damaged label space on purpose.
        LabelSpaceMismatch: the bundle has no code of any of their systems.
    """
    assigned = Counter(code for document in documents for code in document.codes)
    if "label_space_defect" not in dataset.manifest:
        _require_spelling(dataset, assigned)
    if difference := other_systems(assigned, {label.system for label in codes.labels}):
        raise LabelSpaceMismatch(
            f"'{dataset.path}' cannot be indexed, {difference}: index the data that the bundle was trained on, or "
            "train a bundle on this data"
        )
    return code_use(assigned, codes)


def other_systems(assigned: Iterable[Code], systems: Collection[str]) -> str | None:
    """How codes of none of a bundle's systems differ from it; None where one is of such a system, or there is none."""
    theirs = {code.system for code in assigned}
    if not theirs or theirs & set(systems):
        return None
    return f"its codes are of {', '.join(sorted(theirs))} and the bundle answers with {', '.join(sorted(systems))}"


def code_use(assigned: Counter[Code], codes: LabelSpace) -> CodeUse:
    """How many assigned codes a bundle lacks."""
    lacked = [count for code, count in assigned.items() if codes.column(code) is None]
    return CodeUse(len(assigned), assigned.total(), len(lacked), sum(lacked))


def _require_spelling(dataset: Dataset, assigned: Counter[Code]) -> None:
    wrong = [count for code, count in assigned.items() if code.system in SYSTEMS and not _is_spelled(code)]
    if wrong:
        raise MalformedInput(
            f"'{dataset.path}' has {len(wrong):,} codes ({sum(wrong):,} assignments) that are no codes of their "
            "system: prepare the data again, which names their rows"
        )


def _is_spelled(code: Code) -> bool:
    try:
        return normalise(*code) == code
    except ValueError:
        return False


def _problem(text: str) -> str | None:
    try:
        check_note(text)
    except InvalidNote as error:
        return str(error).partition(":")[0]
    return None
