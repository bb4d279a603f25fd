"""The one writer: whole or absent, row groups, counts, and codes without a title."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.dataset import Document, load_dataset
from model.errors import EmptyDataset, MalformedInput, UnwritableOutput
from model.icd import Code
from tests.canary import CANARY
from training.prepare import dataset_directory
from training.prepare.dataset_directory import Record, write_dataset

HYPERTENSION = Code("icd10cm", "I10")


def documents(count: int) -> Iterator[Document]:
    for n in range(count):
        yield Document(f"d{n}", f"p{n}", "train", f"Text {n}.", (HYPERTENSION,))


def test_documents_come_back_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, over several row groups."""
    monkeypatch.setattr(dataset_directory, "ROW_GROUP", 4)
    write_dataset(tmp_path / "out", documents(10), {}, Record({}))
    assert list(load_dataset(tmp_path / "out").documents()) == list(documents(10))
    assert pq.ParquetFile(tmp_path / "out" / "documents.parquet").num_row_groups == 3


def test_every_label_is_known_with_title_and_counts(tmp_path: Path) -> None:
    """Codes of all splits; a code of no table keeps an empty title and is reported."""
    odd = Code("icd10cm", "999.99Z")
    written = write_dataset(
        tmp_path / "out",
        [
            Document("a", "p", "train", "A.", (odd, HYPERTENSION)),
            Document("b", "q", "test", "B.", (HYPERTENSION,)),
        ],
        {HYPERTENSION: "Essential (primary) hypertension"},
        Record({}),
    )
    first, second = load_dataset(tmp_path / "out").labels.labels
    assert (first.key, first.title, first.count_train, first.count_dev, first.count_test) == (
        odd,
        "",
        1,
        0,
        0,
    )
    assert (second.title, second.count_train, second.count_test) == ("Essential (primary) hypertension", 1, 1)
    assert written.untitled == (odd,)
    assert written.documents == {"train": 1, "dev": 0, "test": 1}


def test_what_the_record_says_is_in_the_manifest(tmp_path: Path) -> None:
    """Options, steps in order, also those noted while the documents pass, and versions."""
    record = Record({"seed": 3}, source=[{"file": "t.csv", "sha256": "00"}])

    def watched() -> Iterator[Document]:
        yield from documents(2)
        record.count("seen at the end", 2)

    write_dataset(tmp_path / "out", watched(), {}, record)
    manifest = load_dataset(tmp_path / "out").manifest
    assert manifest["options"] == {"seed": 3}
    assert manifest["source"] == [{"file": "t.csv", "sha256": "00"}]
    assert manifest["rows"][:2] == [
        {"step": "seen at the end", "rows": 2},
        {"step": "documents, train", "rows": 2},
    ]
    assert manifest["versions"].keys() == {"python", "polars", "pyarrow", "icd-coder"}


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some row groups are written when the source breaks: no folder, no partial folder."""
    monkeypatch.setattr(dataset_directory, "ROW_GROUP", 2)

    def breaking() -> Iterator[Document]:
        yield from documents(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "out", breaking(), {}, Record({}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{CANARY}\0", "the note holds a NUL character at position 11"),
        (f"{CANARY} " * 90_000, "the note has 1080000 characters"),
        (f"{{\\rtf1 {CANARY}}}", "the note is a rich text document"),
    ],
    ids=["NUL", "too long", "rich text"],
)
def test_every_source_refuses_a_text_that_is_no_note(tmp_path: Path, text: str, words: str) -> None:
    """As `index` and the service do, by the document's id; nothing is left."""
    bad = Document("bad", "p", "train", text, (HYPERTENSION,))
    with pytest.raises(MalformedInput, match=f"document bad cannot be coded: {words}") as caught:
        write_dataset(tmp_path / "out", [*documents(2), bad], {}, Record({}))
    assert CANARY not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """The system's reason and the next step."""

    def full() -> Iterator[Document]:
        yield from documents(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(UnwritableOutput, match=r"No space left on device.*free some space"):
        write_dataset(tmp_path / "out", full(), {}, Record({}))


def test_no_document_tells_the_way_to_nothing(tmp_path: Path) -> None:
    """The counts so far show where the rows went."""
    record = Record({})
    record.count("rows", 7)
    record.count("rows dropped: no code", 7)
    with pytest.raises(EmptyDataset, match="rows 7; rows dropped: no code 7"):
        write_dataset(tmp_path / "out", [], {}, record)
    assert list(tmp_path.iterdir()) == []


def test_texts_in_several_splits_are_counted_and_warned_of(tmp_path: Path) -> None:
    """Whatever the source; blanks do not matter, and repeats inside of one split do not count."""
    parts = [
        ("train", "Same note."),
        ("train", "Same note."),
        ("test", "Same\n note. "),
        ("dev", "Another."),
        ("dev", "x"),
    ]
    codes = (Code("icd10cm", "I10"),)
    made = [Document(f"d{place}", f"p{place}", split, text, codes) for place, (split, text) in enumerate(parts)]
    record = Record({})
    written = write_dataset(tmp_path / "out", made, {}, record)
    assert written.warnings[0].startswith("1 text stands in more than one split")
    assert {"step": "texts in several splits", "rows": 1} in record.rows
    assert [one.split for one in load_dataset(tmp_path / "out").documents()] == [split for split, _ in parts]
