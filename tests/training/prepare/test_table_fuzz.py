"""Random small tables: what is written is what a slow reader finds, or the table is refused with its line or row."""

import gzip
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from openpyxl import Workbook

from model.dataset import load_dataset
from model.errors import EmptyDataset, IcdCoderError
from model.icd import Code
from tests.training.prepare.slow_table_reader import Expected, Fault, expected
from training.prepare import table, table_codes
from training.prepare.table import TableOptions, prepare_table
from training.prepare.table_columns import TableColumns

CODES = {"I10", "E11.9", "J18.9", "N39.0"}
CODECS = ["utf-8"] * 6 + ["utf-8-sig", "utf-16", "cp1252"]
TEXTS = ["Invented.", "two  words", 'a 2" scar', "5'8\"", "Müller", "NULL", "nan", " ", "", "a,b", "c;d", "e|f", "g\th"]
PIECES = ["\n", "\r\n", "\r", '"', '""', ",", ";", "x", "Fever 39", "\0"]


@pytest.fixture(autouse=True)
def _few_titles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tables of all codes take a tenth of a second to copy."""
    few = {Code("icd10cm", code): "Invented title" for code in CODES}
    monkeypatch.setattr(table, "titles_for", lambda *_: dict(few))
    monkeypatch.setattr(table_codes, "published_titles", lambda _: dict(few))
    monkeypatch.setattr(table, "with_progress", lambda items, *_, **__: items)
    return None


def random_table(generator: random.Random) -> tuple[str, str, bool]:
    """Text, delimiter, and whether the column of ids is named."""
    delimiter = generator.choice(",,,;\t|")
    end = generator.choice(["\n", "\n", "\r\n", "\r"])
    mistakes = generator.choice([0, 0, 0.02, 0.2])
    with_id = generator.random() < 0.6
    lines = [delimiter.join(["id", "note", "icd"])]
    for number in range(generator.randint(0, 8)):
        name = f"n{generator.randint(0, 3) if generator.random() < 0.4 else number}"
        if generator.random() < mistakes:
            name = generator.choice(["", "NULL"])
        cells = [name, _note(generator, name, mistakes), _codes(generator, mistakes)]
        if generator.random() < mistakes / 4:
            cells = cells[: generator.randint(1, 2)] if generator.random() < 0.5 else [*cells, "more"]
        lines.append(delimiter.join(_quoted(generator, cell, delimiter, mistakes) for cell in cells))
        if generator.random() < 0.1:
            lines.append("")
    return end.join(lines) + (end if generator.random() < 0.8 else ""), delimiter, with_id


def _note(generator: random.Random, name: str, mistakes: float) -> str:
    """Notes of one id agree, mostly."""
    own = random.Random(name) if generator.random() >= mistakes / 2 else generator
    words = [own.choice(TEXTS)]
    if own.random() < 0.4:
        words.append(own.choice(PIECES if mistakes else PIECES[:-1]))
        words.append(own.choice(TEXTS))
    return "".join(words)


def _codes(generator: random.Random, mistakes: float) -> str:
    words = generator.choices(sorted(CODES), k=generator.randint(0, 3))
    if generator.random() < 0.1:
        words = ["NULL"]
    if generator.random() < mistakes:
        words.append(generator.choice(["fever", "41.49", "I10-E11"]))
    return " ".join(words)


def _quoted(generator: random.Random, cell: str, delimiter: str, mistakes: float) -> str:
    must = any(mark in cell for mark in (delimiter, "\n", "\r")) or cell.startswith('"')
    if generator.random() < mistakes / 4:
        return f'"{cell}"' if generator.random() < 0.5 else cell
    doubled = '"' + cell.replace('"', '""') + '"'
    return doubled if must or generator.random() < 0.3 else cell


def try_random_tables(folder: Path, number: int, seed: int) -> dict[str, int]:
    """How many were written and refused."""
    generator = random.Random(seed)
    outcomes = {"written": 0, "refused": 0}
    for trial in range(number):
        text, delimiter, with_id = random_table(generator)
        source, out = folder / "t.csv", folder / "out"
        codec = generator.choice(CODECS)
        source.write_bytes(text.encode(codec))
        try:
            wanted: Expected | Fault = expected(text, delimiter, with_id, CODES)
        except Fault as fault:
            wanted = fault
        try:
            prepare_table(source, out, TableColumns("note", "icd", "id" if with_id else None), TableOptions())
        except IcdCoderError as error:
            check_refusal(error, wanted, codec)
            outcomes["refused"] += 1
            continue
        assert isinstance(wanted, Expected), (trial, text)
        check_written(out, wanted)
        shutil.rmtree(out)
        outcomes["written"] += 1
    return outcomes


def check_refusal(error: IcdCoderError, wanted: Expected | Fault, codec: str) -> None:
    message = str(error)
    if codec == "cp1252" and "--encoding" in message:
        assert "(line " in message
    elif isinstance(wanted, Fault) and wanted.line is not None:
        assert f"line {wanted.line} " in message
    elif isinstance(wanted, Fault):
        assert f"row {wanted.row} " in message or f"row {wanted.row}:" in message or f"and {wanted.row} of" in message
    else:
        assert isinstance(error, EmptyDataset)
        assert not wanted.documents


def check_written(out: Path, wanted: Expected) -> None:
    steps = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["rows"]
    counted = {step["step"]: step["rows"] for step in steps}
    names = [
        "rows",
        "rows dropped: no code",
        "rows dropped: code but no text",
        "rows joined to another row of their id",
    ]
    assert [counted[name] for name in names] == [wanted.rows, wanted.no_code, wanted.no_text, wanted.joined]
    documents = load_dataset(out).documents()
    found = {one.document_id: (one.text, [code.code for code in one.codes]) for one in documents}
    assert found == wanted.documents
    assert wanted.rows == wanted.no_code + wanted.no_text + wanted.joined + len(found)


def test_500_random_tables(tmp_path: Path) -> None:
    """A quarter at least of either outcome."""
    outcomes = try_random_tables(tmp_path, 500, seed=17)
    assert min(outcomes.values()) > 100, outcomes


@pytest.mark.acceptance
@pytest.mark.timeout(3600)
def test_20_000_random_tables(tmp_path: Path) -> None:
    """As above."""
    outcomes = try_random_tables(tmp_path, 20_000, seed=18)
    assert min(outcomes.values()) > 4000, outcomes


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet", "xlsx"])
def test_a_damaged_file_gives_no_traceback(tmp_path: Path, suffix: str) -> None:
    """Some bytes replaced, removed or repeated: refused in a sentence, or written."""
    generator = random.Random(suffix)
    whole = _whole_file(tmp_path, suffix)
    source = tmp_path / f"t.{suffix}"
    for trial in range(60):
        content = bytearray(whole)
        for _ in range(generator.choice([1, 1, 3, 30])):
            place = generator.randrange(len(content))
            content[place : place + generator.choice([0, 1, 4])] = generator.randbytes(generator.choice([0, 1, 1, 4]))
        source.write_bytes(content)
        with suppress(IcdCoderError):
            prepare_table(source, tmp_path / f"out{trial}", TableColumns("note", "icd", "id"), TableOptions())


def _whole_file(folder: Path, suffix: str) -> bytes:
    cells = [(f"n{number}", f"Invented note {number}.", "I10") for number in range(9)]
    frame = pl.DataFrame(cells, schema=["id", "note", "icd"], orient="row")
    path = folder / "whole"
    if suffix == "parquet":
        frame.write_parquet(path)
    elif suffix == "jsonl":
        frame.write_ndjson(path)
    elif suffix == "xlsx":
        book = Workbook()
        for place, row in enumerate([("id", "note", "icd"), *cells], start=1):
            for column, value in enumerate(row, start=1):
                book.worksheets[0].cell(place, column, value)
        book.save(path)
    else:
        frame.write_csv(path)
    return gzip.compress(path.read_bytes()) if suffix.endswith("gz") else path.read_bytes()
