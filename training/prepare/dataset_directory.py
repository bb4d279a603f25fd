"""The one writer of a dataset directory: documents.parquet, labels.parquet, manifest.json."""

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.dataset import DOCUMENTS_SCHEMA, FORMAT, Document
from model.errors import EmptyDataset, MalformedInput, UnwritableOutput
from model.icd import Code
from model.labels import SPLITS, Label, LabelSpace
from model.staging import staged_directory

ROW_GROUP = 1024  # documents; about 10 MB of discharge summaries in memory


@dataclass
class Record:
    """How a dataset came about: filled while it is prepared, written as its manifest."""

    options: dict[str, Any]
    source: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    remarks: dict[str, Any] = field(default_factory=dict)

    def count(self, step: str, rows: int) -> None:
        """Note how many rows are left, or were dropped, at a step."""
        self.rows.append({"step": step, "rows": rows})


@dataclass(frozen=True)
class Written:
    """What lies in a dataset directory that was just written."""

    path: Path
    documents: dict[str, int]
    labels: dict[str, int]
    untitled: tuple[Code, ...]


def write_dataset(out: Path, documents: Iterable[Document], titles: Mapping[Code, str], record: Record) -> Written:
    """Write the documents as they come, then their labels and the manifest; ``out`` is whole or absent.

    Args:
        documents: consumed once, ``ROW_GROUP`` in memory at a time; ``record`` may grow until they end.
        titles: a code that it does not name keeps the title "" and is counted.

    Raises:
        EmptyDataset: there was no document.
        MalformedInput: two documents have one id.
        OutputExists, UnwritableOutput: see :func:`model.staging.staged_directory`.
    """
    try:
        return _write(out, documents, titles, record)
    except OSError as error:  # a full disk; inputs raise errors of their own
        raise UnwritableOutput(
            f"cannot write '{out}' ({error.strerror or error}): free some space or choose another --out"
        ) from error


def _write(out: Path, documents: Iterable[Document], titles: Mapping[Code, str], record: Record) -> Written:
    with staged_directory(out) as staging:
        tally = _Tally()
        with pq.ParquetWriter(staging / "documents.parquet", DOCUMENTS_SCHEMA, compression="zstd") as writer:
            stream = tally.watch(documents)
            while group := list(islice(stream, ROW_GROUP)):
                writer.write_table(_table(group))
        if not tally.documents.total():
            raise EmptyDataset("no document with text and codes is left: " + _journey(record))
        labels = tally.labels(titles)
        pq.write_table(labels.to_table(), staging / "labels.parquet")
        written = Written(
            out,
            {split: tally.documents[split] for split in SPLITS},
            dict(sorted(Counter(label.system for label in labels.labels).items())),
            tuple(label.key for label in labels.labels if not label.title),
        )
        _count_written(record, written)
        manifest = json.dumps(_manifest(record), indent=2, ensure_ascii=False) + "\n"
        (staging / "manifest.json").write_text(manifest, encoding="utf-8")
    return written


class _Tally:
    """Counts documents by split, and codes by split, as the documents pass; an id may come once."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self._ids: set[str] = set()
        self._codes: dict[str, Counter[Code]] = {split: Counter() for split in SPLITS}

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            if document.document_id in self._ids:
                raise MalformedInput(
                    f"two documents have the id '{document.document_id}': give every document an id of its own"
                )
            self._ids.add(document.document_id)
            self.documents[document.split] += 1
            self._codes[document.split].update(document.codes)
            yield document

    def labels(self, titles: Mapping[Code, str]) -> LabelSpace:
        codes = sorted(set().union(*self._codes.values()))
        return LabelSpace(
            tuple(Label(*code, titles.get(code, ""), *(self._codes[split][code] for split in SPLITS)) for code in codes)
        )


def _table(documents: Iterable[Document]) -> pa.Table:
    rows = [
        {
            "document_id": document.document_id,
            "subject_id": document.subject_id,
            "split": document.split,
            "text": document.text,
            "codes": [code._asdict() for code in document.codes],
        }
        for document in documents
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA)


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
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"  # run from a checkout


def _journey(record: Record) -> str:
    return "; ".join(f"{row['step']} {row['rows']:,}" for row in record.rows)
