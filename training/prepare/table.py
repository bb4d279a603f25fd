"""Turns a table of coded notes into a dataset directory: one document an id, or a row where no id is named."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from model.atomic_output import require_free, sweep_abandoned
from model.dataset import Document
from model.errors import EmptyDataset
from model.icd import ICD10CM, Code
from model.progress import with_progress
from training.prepare.code_table import read_code_table
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.equal_texts import joined_patients, repeated
from training.prepare.icd_titles import titles_for
from training.prepare.source_files import hashed
from training.prepare.splits import require_patients_apart, require_shares
from training.prepare.stratified_splits import stratified_splits
from training.prepare.table_cells import text_of
from training.prepare.table_codes import CodeCells
from training.prepare.table_columns import TableColumns, shown_name
from training.prepare.table_documents import AssignedCells, Gathering
from training.prepare.table_rows.rows import Rows
from training.prepare.table_rows.text_encoding import WINDOWS, shown_encoding
from training.prepare.table_source import open_table


@dataclass(frozen=True)
class TableOptions:
    """How a table is read, besides its columns.

    ``delimiter`` and ``encoding`` overrule what is sniffed; ``code_table`` is a file of titles;
    ``drop_invalid`` leaves out pieces of code cells that are no code, instead of refusing the table.
    """

    systems: Sequence[str] = (ICD10CM,)
    drop_invalid: bool = False
    code_table: Path | None = None
    delimiter: str | None = None
    encoding: str | None = None


class TableForm(NamedTuple):
    """The delimiter and the encoding of a table, where they are not to be sniffed."""

    delimiter: str | None = None
    encoding: str | None = None


class Shares(NamedTuple):
    """The seeded split: its seed, and the shares of the patients in dev and test."""

    seed: int = 0
    dev: float = 0.1
    test: float = 0.1

    def named(self) -> dict[str, float | str]:
        """For the manifest."""
        how = "by patient, stratified by code"
        return {"split": how, "seed": self.seed, "dev_share": self.dev, "test_share": self.test}


class Coded(NamedTuple):
    """A document of which only the text is still in the table, in data row ``row``."""

    row: int
    document: str
    subject: str
    split: str
    digest: bytes
    codes: tuple[Code, ...]


def prepare_table(
    source: Path,
    out: Path,
    columns: TableColumns,
    options: TableOptions | None = None,
    *,
    seed: int = 0,
    dev_share: float = 0.1,
    test_share: float = 0.1,
) -> Written:
    """Write the dataset directory of the rows that have a text and a code.

    The table is read twice; its texts are never all in memory. Rows of one id are one document, with their codes in
    the order of the rows. Without a column of splits, patients stay in one split, and so do equal texts.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    options = options or TableOptions()
    record = Record({"source": "table", "systems": list(options.systems), "columns": columns.named()})

    def cells() -> CodeCells:
        titles = titles_for(options.systems, {})
        if options.code_table:
            titles |= read_code_table(options.code_table, options.systems)
            record.source.append(hashed(options.code_table))
        return CodeCells(tuple(options.systems), titles, options.drop_invalid)

    form = TableForm(options.delimiter, options.encoding)
    return write_table(source, out, columns, form, cells, record, Shares(seed, dev_share, test_share))


def write_table(
    source: Path,
    out: Path,
    columns: TableColumns,
    form: TableForm,
    make_cells: Callable[[], AssignedCells],
    record: Record,
    shares: Shares,
) -> Written:
    """Write the dataset directory of a table; see :func:`prepare_table`.

    Args:
        make_cells: called once the table could be opened.
        record: grows.
        shares: of the seeded split, where no column of splits is named.
    """
    require_free(out)
    sweep_abandoned(out)
    require_shares(shares.dev, shares.test)
    table = open_table(source, columns.fits, form.delimiter, form.encoding)
    positions = columns.found_in(source, table.header)
    record.options |= {"split": columns.split} if columns.split else shares.named()
    cells = make_cells()
    _say_how_it_is_read(table, columns, form, cells.word, record)
    gathering = Gathering(source, columns, positions, cells)
    for row in with_progress(table.read(gathering.read), "read", unit="row"):
        gathering.add(row)
    coded = _coded(gathering, cells, record)
    _require_rows(source, columns, gathering, cells.word)
    titles = cells.check(source, record)
    gathering.warn_of_notes(record)
    _warn_of_equal_texts(coded, columns, cells.word, record)
    if not columns.split:
        coded = _split(coded, shares)
    where = f"the column '{columns.split}' of '{source}'"
    require_patients_apart(((one.subject, one.split) for one in coded), where)
    record.source.append(hashed(source))
    documents = _documents(table, positions.text, {one.row: one for one in coded})
    return write_dataset(out, with_progress(documents, "write", len(coded), "document"), titles, record)


def _say_how_it_is_read(table: Rows, columns: TableColumns, form: TableForm, word: str, record: Record) -> None:
    record.remarks["read_as"] = dict(table.read_as)
    if form.encoding is None and table.read_as.get("encoding") == shown_encoding(WINDOWS):
        record.warnings.append(
            "the file is not UTF-8 and was read as Windows-1252: look at its letters outside of ASCII, and name "
            "another --encoding if they are wrong"
        )
    for name in columns.renamed_twins(table.header):
        record.warnings.append(
            f"the column '{shown_name(name)}' seems to be a second column of {word}s that a data frame renamed, and "
            f"is not read: name it with another --{word}s if it is one"
        )


def _coded(gathering: Gathering, cells: AssignedCells, record: Record) -> list[Coded]:
    """The documents that have a code or label, and a text; the others are counted."""
    coded = []
    no_code, no_text, joined = gathering.without_codes, 0, 0
    for document, entry in gathering.entries.items():
        with_codes = sum(bool(cells.codes(cell)) for cell in entry.cells)
        no_code += len(entry.cells) - with_codes
        if not with_codes:
            continue
        if entry.digest is None:
            no_text += with_codes
            continue
        joined += with_codes - 1
        codes = cells.codes([number for cell in entry.cells for number in cell])
        coded.append(Coded(entry.row, document, entry.subject, entry.split, entry.digest, codes))
    record.count("rows", gathering.rows)
    record.count(f"rows dropped: no {cells.word}", no_code)
    record.count(f"rows dropped: {cells.word} but no text", no_text)
    record.count("rows joined to another row of their id", joined)
    return coded


def _require_rows(source: Path, columns: TableColumns, gathering: Gathering, word: str) -> None:
    if not gathering.rows:
        raise EmptyDataset(f"'{source}' has a header and no row: name a table with notes")
    if not gathering.entries:
        named = columns.codes if isinstance(columns.codes, str) else "', '".join(columns.codes)
        raise EmptyDataset(f"no row of '{source}' has a {word} in the column '{named}': check --{word}s")


def _warn_of_equal_texts(coded: Sequence[Coded], columns: TableColumns, word: str, record: Record) -> None:
    texts, documents = repeated(one.digest for one in coded)
    record.count("documents with the note of another document", documents)
    if not texts:
        return
    sentence = f"{texts:,} notes occur more than once, in {documents:,} documents"
    if not columns.split:
        sentence += ", and each stays in one split"
    if columns.document is None:
        sentence += (
            f": where a row holds one {word} of a note, name the column of the note's id with --id, and the rows of "
            "one id become one document"
        )
    record.warnings.append(sentence)


def _split(coded: Sequence[Coded], shares: Shares) -> list[Coded]:
    """Seeded splits of groups of patients; patients with an equal note are one group."""
    group = joined_patients((one.subject, one.digest) for one in coded)
    documents = ((group[one.subject], one.codes) for one in coded)
    split_of = stratified_splits(documents, shares.seed, shares.dev, shares.test)
    return [one._replace(split=split_of[group[one.subject]]) for one in coded]


def _documents(table: Rows, text: int, coded: Mapping[int, Coded]) -> Iterator[Document]:
    for row in table.read([text]):
        if (one := coded.get(row.number)) is not None:
            yield Document(one.document, one.subject, one.split, text_of(row.values[0]) or "", one.codes)
