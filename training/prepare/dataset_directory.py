"""Writes dataset directories: documents.parquet, labels.parquet, manifest.json."""

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.atomic_output import staged_directory
from model.dataset import CODE_TYPE, DOCUMENTS_SCHEMA, EVIDENCE, FEATURES, FEATURES_SCHEMA, FORMAT, Document
from model.errors import EmptyDataset, InvalidNote, MalformedInput, UnwritableOutput
from model.icd import Code
from model.labels import SPLITS, Label, LabelSpace
from model.text.note_text import check_note
from training.prepare.dictionary_file import write_dictionary
from training.prepare.equal_texts import text_digest
from training.prepare.source_files import shown_id
from training.prepare.word_translation import WordTable

ROW_GROUP = 1024  # documents; about 10 MB of discharge summaries in memory
SOURCE_ROWS = pa.field("source_rows", pa.list_(pa.int64()))
DICTIONARY = ["subject_id", "split", "codes.list.element.system", "codes.list.element.code"]


@dataclass(frozen=True)
class SourcedDocument(Document):
    """A document with the numbers of the source rows that its text was made of, in that order."""

    source_rows: tuple[int, ...]


@dataclass(frozen=True)
class FeatureDocument(Document):
    """A document of features, (F,) float32, with an empty text."""

    features: np.ndarray


@dataclass
class Record:
    """Provenance of a dataset: filled during preparation, written as its manifest."""

    options: dict[str, Any]
    source: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    remarks: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """Sentences for the manifest and the screen."""

    def count(self, step: str, rows: int) -> None:
        """Record how many rows are left, or were dropped, at a step."""
        self.rows.append({"step": step, "rows": rows})


@dataclass(frozen=True)
class Written:
    """Summary of a dataset directory that was written."""

    path: Path
    documents: dict[str, int]
    labels: dict[str, int]
    untitled: tuple[Code, ...]
    warnings: tuple[str, ...]


def write_dataset(
    out: Path,
    documents: Iterable[Document],
    titles: Mapping[Code, str],
    record: Record,
    labels: Iterable[Code] = (),
    dictionary: WordTable | None = None,
) -> Written:
    """Write the documents, then their labels and the manifest. On an error ``out`` is not created.

    Args:
        documents: consumed once, ``ROW_GROUP`` in memory at a time; ``record`` may grow until they end. When they
            are :class:`SourcedDocument`, all of them, the file has the column ``source_rows`` too; when they are
            :class:`FeatureDocument`, all of them, it has ``features`` instead of ``text``. When their evidence is
            not None, that of all of them, it has ``evidence`` too.
        titles: a code without one gets the title "" and is counted.
        labels: codes of the label space in addition to those of the documents.
        dictionary: English stems for the stems of notes in another language.

    Raises:
        EmptyDataset: there is no document.
        MalformedInput: two documents have one id, or a text is no note, see :func:`model.text.note_text.check_note`.
        OutputExists, UnwritableOutput: see :func:`model.atomic_output.staged_directory`.
    """
    try:
        return _write(out, documents, titles, record, labels, dictionary)
    except OSError as error:  # a full disk; inputs raise errors of their own
        raise UnwritableOutput(
            f"cannot write '{out}' ({error.strerror or error}): free some space or choose another --out"
        ) from error


def _write(
    out: Path,
    documents: Iterable[Document],
    titles: Mapping[Code, str],
    record: Record,
    more: Iterable[Code],
    dictionary: WordTable | None,
) -> Written:
    with staged_directory(out) as staging:
        tally = _Tally()
        _write_documents(staging / "documents.parquet", tally.watch(documents))
        if not tally.documents.total():
            raise EmptyDataset("no document with text and codes is left: " + _journey(record))
        tally.warn_of_shared_texts(record)
        labels = tally.labels(titles, more)
        pq.write_table(labels.to_table(), staging / "labels.parquet")
        if dictionary is not None:
            write_dictionary(staging, dictionary)
        written = Written(
            out,
            {split: tally.documents[split] for split in SPLITS},
            dict(sorted(Counter(label.system for label in labels.labels).items())),
            tuple(label.key for label in labels.labels if not label.title),
            tuple(record.warnings),
        )
        _count_written(record, written)
        manifest = json.dumps(_manifest(record), indent=2, ensure_ascii=False) + "\n"
        (staging / "manifest.json").write_text(manifest, encoding="utf-8")
    return written


def _write_documents(path: Path, documents: Iterator[Document]) -> None:
    """Write row group by row group, each compressed in a thread while the next is collected."""
    group = list(islice(documents, ROW_GROUP))
    schema = _schema(group)
    with (
        pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=DICTIONARY) as writer,
        ThreadPoolExecutor(1, "write") as thread,
    ):
        pending: Future[None] | None = None
        while group:
            table = _table(group, schema)
            if pending is not None:
                pending.result()
            pending = thread.submit(writer.write_table, table)
            group = list(islice(documents, ROW_GROUP))
        if pending is not None:
            pending.result()


def _schema(documents: Sequence[Document]) -> pa.Schema:
    """The file's schema for documents of this kind."""
    if documents and isinstance(documents[0], FeatureDocument):
        return FEATURES_SCHEMA
    schema = DOCUMENTS_SCHEMA
    if documents and isinstance(documents[0], SourcedDocument):
        schema = schema.append(SOURCE_ROWS)
    if documents and documents[0].evidence is not None:
        schema = schema.append(EVIDENCE)
    return schema


def _require_note(document: Document) -> None:
    """Refuse what ``index`` and the service refuse; here it costs no training yet."""
    try:
        check_note(document.text)
    except InvalidNote as error:
        raise MalformedInput(
            f"the text of the document {shown_id(document.document_id)} cannot be coded: {error}"
        ) from None


class _Tally:
    """Counts documents and codes by split while documents are written, and refuses a repeated id.

    It remembers 16 bytes of each text, to count the texts that stand in several splits.
    """

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self._ids: set[str] = set()
        self._codes: dict[str, Counter[Code]] = {split: Counter() for split in SPLITS}
        self._splits_of_text: dict[bytes, int] = {}  # a bit for each split

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            if document.document_id in self._ids:
                raise MalformedInput(
                    f"two documents have the id {shown_id(document.document_id)}: give every document its own id"
                )
            self._ids.add(document.document_id)
            self.documents[document.split] += 1
            self._codes[document.split].update(document.codes)
            if document.text:
                _require_note(document)
                digest = text_digest(document.text)
                bit = 1 << SPLITS.index(document.split)
                self._splits_of_text[digest] = self._splits_of_text.get(digest, 0) | bit
            yield document

    def warn_of_shared_texts(self, record: Record) -> None:
        """Splits that a source publishes are kept as they are, so equal texts are only counted."""
        shared = sum(splits.bit_count() > 1 for splits in self._splits_of_text.values())
        if shared:
            record.count("texts in several splits", shared)
            record.warnings.append(
                f"{shared:,} {'text stands' if shared == 1 else 'texts stand'} in more than one split, so an "
                "evaluation sees notes of its training again: give equal notes one split, or leave the splits to "
                "icd-coder"
            )

    def labels(self, titles: Mapping[Code, str], more: Iterable[Code]) -> LabelSpace:
        codes = sorted(set(more).union(*self._codes.values()))
        return LabelSpace(
            tuple(Label(*code, titles.get(code, ""), *(self._codes[split][code] for split in SPLITS)) for code in codes)
        )


def _table(documents: Sequence[Document], schema: pa.Schema) -> pa.Table:
    codes = [code for document in documents for code in document.codes]
    pairs = [
        pa.array([code.system for code in codes], pa.string()),
        pa.array([code.code for code in codes], pa.string()),
    ]
    columns = {
        "document_id": pa.array([document.document_id for document in documents], pa.string()),
        "subject_id": pa.array([document.subject_id for document in documents], pa.string()),
        "split": pa.array([document.split for document in documents], pa.string()),
        "text": pa.array([document.text for document in documents], pa.string()),
        "codes": _lists(
            (len(document.codes) for document in documents), pa.StructArray.from_arrays(pairs, fields=list(CODE_TYPE))
        ),
    }
    if SOURCE_ROWS.name in schema.names:
        rows = [document.source_rows for document in documents if isinstance(document, SourcedDocument)]
        columns[SOURCE_ROWS.name] = pa.array(rows, SOURCE_ROWS.type)
    if FEATURES.name in schema.names:
        numbers = [document.features for document in documents if isinstance(document, FeatureDocument)]
        columns[FEATURES.name] = pa.array(numbers, FEATURES.type)
    if EVIDENCE.name in schema.names:
        columns[EVIDENCE.name] = pa.array([_spans(document) for document in documents], EVIDENCE.type)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _spans(document: Document) -> list[dict[str, Any]]:
    spans = document.evidence or ()
    return [{**span.code._asdict(), "start": span.start, "end": span.end} for span in spans]


def _lists(lengths: Iterable[int], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(accumulate(lengths, initial=0), pa.int32()), values)


def _count_written(record: Record, written: Written) -> None:
    for split, count in written.documents.items():
        record.count(f"documents, {split}", count)
    for system, count in written.labels.items():
        record.count(f"distinct codes, {system}", count)
    record.count("distinct codes in no ICD table", len(written.untitled))


def _manifest(record: Record) -> dict[str, Any]:
    packages = ("polars", "pyarrow", "icd-coder")
    return {
        "format": FORMAT,
        "source": record.source,
        "rows": record.rows,
        "options": record.options,
        **record.remarks,
        **({"warnings": record.warnings} if record.warnings else {}),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"  # run from a checkout


def _journey(record: Record) -> str:
    return "; ".join(f"{row['step']} {row['rows']:,}" for row in record.rows)
