"""Writes what a bundle makes of each document of a dataset as one Parquet file: its vectors, or its ranked codes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from model.atomic_output import require_no_file, staged_file
from model.bundle import load_bundle
from model.code_vectors import CodeVector
from model.coder import Coder
from model.dataset import Document, load_dataset
from model.errors import EmptyDataset, InvalidOption
from model.labels import SPLITS
from model.progress import with_progress

AT_ONCE = 256
"""Documents in memory, and in a row group."""
DOCUMENT = [pa.field("document_id", pa.string()), pa.field("split", pa.string())]
CODE = [pa.field("system", pa.string()), pa.field("code", pa.string())]
EMBEDDING = pa.field("embedding", pa.list_(pa.field("element", pa.float32())))
CODE_VECTOR = pa.field("code_vector", pa.list_(pa.struct([*CODE, pa.field("value", pa.float32())])))
SCORES = pa.schema([*DOCUMENT, *CODE, pa.field("probability", pa.float64()), pa.field("rank", pa.int32())])


class Exported(NamedTuple):
    """What was written: documents and rows, and how many ranked codes --top-k left out."""

    documents: int
    rows: int
    left_out: int = 0


def export_embeddings(bundle: Path, data: Path, out: Path, splits: Sequence[str] = (), device: str = "cpu") -> Exported:
    """A row a document: its embedding, a unit row, and the vector of its predicted codes where the bundle writes one.

    Args:
        splits: those to read; none for all that have documents.

    Raises:
        InvalidOption: a split that there is not.
        EmptyDataset: a split without a document.
        OutputExists, UnwritableOutput: of ``out``.
    """

    def rows(coder: Coder, document: Document) -> list[dict[str, Any]]:
        (found,) = coder.vectors([document.text])
        row = {**_named(document), "embedding": found.embedding}
        return [row if found.codes is None else row | {"code_vector": _code_vector(coder, found.codes)}]

    def schema(coder: Coder) -> pa.Schema:
        return pa.schema([*DOCUMENT, EMBEDDING, *([] if coder.code_vectors is None else [CODE_VECTOR])])

    documents, written = _export(bundle, data, out, splits, device, schema, rows)
    return Exported(documents, written)


def export_scores(
    bundle: Path, data: Path, out: Path, splits: Sequence[str] = (), device: str = "cpu", top_k: int = 100
) -> Exported:
    """A row a document and code: the first ``top_k`` candidates of the ranker, or codes of the classifier alone.

    No stored note is read; an answer of a service with a database may differ.

    Raises:
        As :func:`export_embeddings`.
    """
    left_out = 0

    def rows(coder: Coder, document: Document) -> Iterator[dict[str, Any]]:
        nonlocal left_out
        ranked = coder.ranked(document.text)
        left_out += max(0, len(ranked.columns) - top_k)
        best = ranked.best(top_k)
        for rank, (column, probability) in enumerate(zip(best.columns, best.probabilities, strict=True), start=1):
            code = coder.codes[int(column)].key._asdict()
            yield {**_named(document), **code, "probability": probability, "rank": rank}

    documents, written = _export(bundle, data, out, splits, device, lambda _: SCORES, rows)
    return Exported(documents, written, left_out)


def _export(
    bundle: Path,
    data: Path,
    out: Path,
    splits: Sequence[str],
    device: str,
    schema_of: Callable[[Coder], pa.Schema],
    rows_of: Callable[[Coder, Document], Iterator[dict[str, Any]] | list[dict[str, Any]]],
) -> tuple[int, int]:
    """Documents and rows that were written."""
    require_no_file(out)
    documents = _documents(data, splits)
    coder = load_bundle(bundle, device, "auto")
    said = {"bundle_id": coder.bundle_id, "embedding_id": coder.embedding_id, "precision": coder.precision}
    schema = schema_of(coder).with_metadata(said)
    written = 0
    with staged_file(out) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        progress = iter(with_progress(documents, "notes", len(documents), "note"))
        while group := list(islice(progress, AT_ONCE)):
            rows = [row for document in group for row in rows_of(coder, document)]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            written += len(rows)
    return len(documents), written


def _documents(data: Path, splits: Sequence[str]) -> Sequence[Document]:
    if unknown := [split for split in splits if split not in SPLITS]:
        raise InvalidOption(f"--splits names '{unknown[0]}': expected some of {', '.join(SPLITS)}, with commas")
    dataset = load_dataset(data)
    for split in splits:
        dataset.require(split)
    documents = dataset.documents(*splits)
    if not documents:
        raise EmptyDataset(f"'{data}' has no document: prepare the data again")
    return documents


def _named(document: Document) -> dict[str, Any]:
    return {"document_id": document.document_id, "split": document.split}


def _code_vector(coder: Coder, vector: CodeVector) -> list[dict[str, Any]]:
    pairs = zip(vector.columns.tolist(), vector.values.tolist(), strict=True)
    return [{**coder.codes[column].key._asdict(), "value": value} for column, value in pairs]
