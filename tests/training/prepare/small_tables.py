"""Small tables of invented notes for tests of `prepare table`, and what became of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.dataset import Document, load_dataset
from training.prepare.table import TableOptions, prepare_table
from training.prepare.table_columns import TableColumns

CODED = TableColumns("note", "icd", "id")


@dataclass(frozen=True)
class Prepared:
    """A dataset that was written."""

    documents: dict[str, Document]
    counted: dict[str, int]
    warnings: tuple[str, ...]
    read_as: dict[str, str]

    def codes(self) -> list[list[str]]:
        return [[code.code for code in document.codes] for document in self.documents.values()]


def write_codes(folder: Path, cells: Sequence[str]) -> Path:
    """A table with a note for each cell of codes."""
    lines = [f'n{number};"Invented note {number}.";"{cell}"\n' for number, cell in enumerate(cells)]
    (folder / "t.csv").write_text("id;note;icd\n" + "".join(lines), encoding="utf-8")
    return folder / "t.csv"


def prepared(source: Path, columns: TableColumns = CODED, *systems: str, **options: Any) -> Prepared:
    """Prepare into a new folder beside the table, and read back."""
    out = source.parent / f"out{len(list(source.parent.iterdir()))}"
    written = prepare_table(source, out, columns, TableOptions(systems or ("icd10cm",), **options))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return Prepared(
        {document.document_id: document for document in load_dataset(out).documents()},
        {row["step"]: row["rows"] for row in manifest["rows"]},
        written.warnings,
        manifest["read_as"],
    )
