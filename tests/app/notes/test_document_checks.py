"""What `index` refuses of a dataset that another version prepared, and what it tells of codes that the bundle lacks."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.database.engine import open_engine
from app.database.tables import Note
from app.notes.document_checks import CodeUse, code_use, other_systems, require_short_codes
from model.dataset import Document
from model.errors import LabelSpaceMismatch, MalformedInput
from model.icd import Code
from model.text.note_text import MAX_CHARACTERS
from tests.app.fakes import CANARY, LABELS, NOTES, FakeCoder, index_into, write_dataset

TEN = (Code("icd10cm", "I10"), Code("icd10cm", "E11.9"))


def stored(url: str) -> int:
    with open_engine(url).connect() as connection:
        return connection.scalar(select(func.count()).select_from(Note)) or 0


def refusal(url: str, coder: FakeCoder, data: Path) -> str:
    """The message, in which no word of a note is; nothing is stored or embedded."""
    with pytest.raises((MalformedInput, LabelSpaceMismatch)) as caught:
        index_into(url, coder, data)
    assert CANARY not in str(caught.value)
    assert (stored(url), coder.embedded) == (0, 0)
    return str(caught.value)


def test_data_of_another_system_are_refused(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Neighbours with them would support no suggestion."""
    notes = [Document(f"n{i}", f"p{i}", "train", f"Invented pneumonia. {CANARY}", TEN) for i in range(3)]
    told = refusal(url, coder, write_dataset(tmp_path / "ten", notes))
    assert "its codes are of icd10cm and the bundle answers with icd9cm, icd9pcs: index the data that the" in told


def test_codes_that_the_bundle_lacks_are_counted(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Distinct ones and assignments, where some code is of a system of the bundle."""
    notes = [
        Document("n1", "p1", "train", "a note", (LABELS[0].key, *TEN)),
        Document("n2", "p2", "train", "a note", (LABELS[1].key, TEN[0])),
        Document("n3", "p3", "train", "a note", ()),
    ]
    report = index_into(url, coder, write_dataset(tmp_path / "data", notes))
    assert report.added == 3
    assert report.code_use == CodeUse(codes=4, assignments=5, lacked_codes=2, lacked_assignments=3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{CANARY}\0", "NUL character at position 11"),
        (" \n", "the note is empty"),
        ("x" * (MAX_CHARACTERS + 1), "has 1000001 characters"),
    ],
    ids=["NUL", "blank", "too long"],
)
def test_notes_that_prepare_refuses_are_refused(
    url: str, coder: FakeCoder, tmp_path: Path, text: str, words: str
) -> None:
    """All of them are counted before the first is stored, whether or not texts are stored."""
    bad = [Document(f"b{i}", "p", "train", text, (LABELS[0].key,)) for i in range(2)]
    told = refusal(url, coder, write_dataset(tmp_path / "data", [*NOTES[:3], *bad]))
    assert told.startswith("documents that cannot be coded: 2, first 'b0' (")
    assert words in told


@pytest.mark.parametrize("code", ["41.49", "I10", "4019", "401.9 ", f"{CANARY} told", "", "e888.9"])
def test_codes_that_are_none_are_counted_and_not_shown(url: str, coder: FakeCoder, tmp_path: Path, code: str) -> None:
    """As an earlier version let them through; the words of a cell are no more to be seen."""
    notes = [Document("n1", "p1", "train", "a note", (LABELS[0].key, Code("icd9cm", code)))]
    told = refusal(url, coder, write_dataset(tmp_path / "data", notes))
    assert "has 1 codes (1 assignments) that are no codes of their system: prepare the data again" in told
    assert not code or f"'{code}'" not in told


def test_systems_and_counts_of_no_code_at_all() -> None:
    """Documents without codes differ from no bundle."""
    assert other_systems([], ["icd9cm"]) is None
    assert other_systems([*TEN, LABELS[0].key], ["icd9cm"]) is None
    assert code_use(Counter(), LABELS).warning is None


def test_labels_that_postgresql_cannot_keep_are_refused_by_their_length() -> None:
    """The label itself is not shown; 20 characters are kept."""
    require_short_codes([Document("a", "p", "train", "Invented.", (Code("labels", "x" * 20),))])
    documents = [Document("a", "p", "train", "Invented.", (Code("labels", "y" * 33), Code("labels", "z")))]
    with pytest.raises(MalformedInput, match="the longest label has 33 characters, and PostgreSQL keeps 20") as caught:
        require_short_codes(documents)
    assert "yyy" not in str(caught.value)
