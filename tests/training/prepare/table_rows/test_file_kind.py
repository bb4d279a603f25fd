"""What a file is, by its first bytes."""

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from model.errors import MalformedInput
from training.prepare.table_rows.file_kind import FileKind, file_kind


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "invented")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (zipped("notes.csv"), "zip archive of 1 file: unpack it"),
        (zipped("a.csv", "b.csv"), "zip archive of 2 files: unpack it"),
        (zipped("xl/workbook.bin"), ".xlsb"),
        (zipped("mimetype", "content.xml"), "OpenDocument"),
        (zipped("word/document.xml"), "Word document"),
        (zipped("notes.csv")[:40], "breaks off"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "Excel workbook of before 2007"),
        (b"%PDF-1.7\n", "PDF document"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "macOS writes beside another"),
        (b"\x80\x04\x95" + bytes(20), "Python pickle"),
        (b"\xef\xbb\xbf\n <HTML><table>", "holds HTML"),
        (b"SQLite format 3\0", "SQLite database"),
        (bytes(257) + b"ustar" + bytes(250), "tar archive"),
        (gzip.compress(zipped("notes.csv")), "compressed file inside gzip"),
        (gzip.compress(bytes(257) + b"ustar"), "tar archive"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(b"note,icd\n" * 999)[:30], "breaks off"),
    ],
    ids=lambda value: None if isinstance(value, str) else "content",  # bytes of an archive hold the time of writing
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """Whatever its name says."""
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(MalformedInput, match=said):
        file_kind(path)


def test_what_is_read(tmp_path: Path) -> None:
    """Text, plain or compressed, parquet and workbooks."""
    path = tmp_path / "t"
    for content in (b"note,icd\n", b"\xff\xfen\0o\0", gzip.compress(b"note,icd\n"), b"{}"):
        path.write_bytes(content)
        assert file_kind(path) is FileKind.TEXT
    for content in (b"PAR1,note\n", b"ORCID,note\n", b"BZh,note\n", b"ARROW1,note\n"):  # names of columns
        path.write_bytes(content)
        assert file_kind(path) is FileKind.TEXT
    pq.write_table(pa.table({"note": ["A."]}), path)
    assert file_kind(path) is FileKind.PARQUET
    Workbook().save(path)
    assert file_kind(path) is FileKind.WORKBOOK
