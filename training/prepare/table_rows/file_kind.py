"""What a file is by its first bytes, whatever its name says."""

import zipfile
from enum import StrEnum
from pathlib import Path

from model.errors import MalformedInput
from training.prepare.source_files import DAMAGED_GZIP, open_decompressed

HEAD = 512
"""Bytes that are looked at; a tar archive is recognised at byte 257."""
TAR = (b"ustar", 257)
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of before 2007 (.xls)", "save it as .xlsx or .csv"),
    (b"%PDF", "a PDF document", "export the table as .csv"),
    (b"ARROW1\0\0", "an Arrow or feather file", "write it as .parquet"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as .csv"),
    (b"\x89HDF\r\n", "an HDF5 file", "write the table as .parquet or .csv"),
    (b"$FL2", "an SPSS file", "export it as .csv"),
    (b"<stata_dta>", "a Stata file", "export it as .csv"),
    (b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", "a SAS file", "export it as .csv"),
    (b"\x80\x04\x95", "a Python pickle", "write the table as .parquet or .csv"),
    (b"\x80\x05\x95", "a Python pickle", "write the table as .parquet or .csv"),
    (b"\x93NUMPY", "a NumPy array", "write the table as .parquet or .csv"),
    (b"BZh91AY&SY", "compressed with bzip2", "unpack it, and name what was inside"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it, and name what was inside"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard", "unpack it, and name what was inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name what was inside"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and name what was inside"),
    (
        b"\0\x05\x16\x07",
        "a file that macOS writes beside another",
        "name the file of the same name without ._",
    ),
    (b"{\\rtf", "a rich text document", "save the table as .csv"),
)
"""First bytes, what begins with them, and what to do; from the formats' own documents. No header begins so."""
PARQUET = b"PAR1\x15"  # the magic number and the first field of a Thrift structure
MARKUP = (b"<!doctype", b"<html", b"<table", b"<?xml", b"<head", b"<meta")


class FileKind(StrEnum):
    """The kinds that are read."""

    TEXT = "text"
    PARQUET = "parquet"
    WORKBOOK = "workbook"


def file_kind(path: Path) -> FileKind:
    """The kind of a file that can be read.

    Raises:
        MalformedInput: it is empty, or something else, which is named together with what to do.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise MalformedInput(f"'{path}' is empty, not even a header is there: copy or download it again")
    if head.startswith(b"\x1f\x8b"):
        return _inside_gzip(path)
    if head.startswith(PARQUET):
        return FileKind.PARQUET
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside_zip(path)
    _require_no_other(path, head)
    return FileKind.TEXT


def _inside_gzip(path: Path) -> FileKind:
    try:
        with open_decompressed(path) as file:
            head = file.read(HEAD)
    except DAMAGED_GZIP:
        raise MalformedInput(f"'{path}' breaks off or is damaged: copy or download it again") from None
    if not head:
        raise MalformedInput(f"'{path}' is empty, not even a header is there: copy or download it again")
    if head.startswith((PARQUET, b"PK\x03\x04", b"\x1f\x8b")):
        raise MalformedInput(f"'{path}' holds a compressed file inside gzip: unpack it and name what was inside")
    _require_no_other(path, head)
    return FileKind.TEXT


def _inside_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise MalformedInput(f"'{path}' is a zip archive or a workbook that breaks off: copy it again") from None
    if "xl/workbook.xml" in names:
        return FileKind.WORKBOOK
    if "xl/workbook.bin" in names:
        raise MalformedInput(f"'{path}' is an Excel binary workbook (.xlsb): save it as .xlsx or .csv")
    if "content.xml" in names and "mimetype" in names:
        raise MalformedInput(f"'{path}' is an OpenDocument file: save the sheet as .xlsx or .csv")
    if "word/document.xml" in names:
        raise MalformedInput(f"'{path}' is a Word document: save the table as .csv")
    raise MalformedInput(
        f"'{path}' is a zip archive of {len(names):,} file{'' if len(names) == 1 else 's'}: unpack it and name the "
        "table that was inside"
    )


def _require_no_other(path: Path, head: bytes) -> None:
    for magic, what, remedy in OTHERS:
        if head.startswith(magic):
            raise MalformedInput(f"'{path}' is {what}, no table that can be read: {remedy}")
    if head[TAR[1] :].startswith(TAR[0]):
        raise MalformedInput(f"'{path}' is a tar archive: unpack it and name the table that was inside")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(MARKUP):
        raise MalformedInput(
            f"'{path}' holds HTML or XML, as web reports save under the name of a table: open it in a spreadsheet "
            "and save it as .xlsx or .csv"
        )
