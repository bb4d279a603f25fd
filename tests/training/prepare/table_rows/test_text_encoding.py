"""The encoding of a text file."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidOption, MalformedInput
from training.prepare.table_rows import text_encoding as module
from training.prepare.table_rows.text_encoding import text_encoding

TEXT = "note,icd\nPatient’s son, 71, says “dizzy”. Müller, José,I10\n"


def file(folder: Path, content: bytes) -> Path:
    (folder / "t.csv").write_bytes(content)
    return folder / "t.csv"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_codec_that_was_written_is_found(tmp_path: Path, codec: str, packed: bool) -> None:
    """By its mark, by its NULs, as UTF-8, or as surely nothing else than Windows-1252."""
    content = TEXT.encode(codec)
    path = file(tmp_path, gzip.compress(content) if packed else content)
    assert content.decode(text_encoding(path)) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        "note,icd\nпациент жалуется на боль в груди\n".encode("cp1251"),
        "note,icd\n患者は胸の痛みを訴えた\n".encode("shift-jis"),
        "note,icd\rMüller, José\r".encode("mac-roman"),
        "note,icd Müller\n".encode() + "Müller\n".encode("cp1252"),
        b"note,icd\ncaf\x81\n",
    ],
    ids=["Cyrillic", "Japanese", "old Mac", "two encodings", "undefined in Windows-1252"],
)
def test_what_is_not_certain_asks_for_the_name(tmp_path: Path, content: bytes) -> None:
    """Nothing is guessed."""
    with pytest.raises(MalformedInput, match=r"not UTF-8 \(line [12]\).*--encoding"):
        text_encoding(file(tmp_path, content))


def test_a_named_encoding_overrules(tmp_path: Path) -> None:
    """Where it decodes the file; else the line is named."""
    path = file(tmp_path, "note,icd\nМышь,I10\n".encode("cp1251"))
    assert text_encoding(path, "windows-1251") == "cp1251"
    with pytest.raises(MalformedInput, match=r"is not utf-8 \(line 2\)"):
        text_encoding(path, "utf-8")
    assert text_encoding(file(tmp_path, b"\xef\xbb\xbfnote"), "utf-8") == "utf-8-sig"


@pytest.mark.parametrize("name", ["klingon", "zip", "rot13", "base64"])
def test_an_unknown_encoding_is_refused(tmp_path: Path, name: str) -> None:
    """Also codecs that make no text of bytes."""
    with pytest.raises(InvalidOption, match=f"--encoding {name} is no encoding"):
        text_encoding(file(tmp_path, b"note"), name)


@given(st.text(min_size=1), st.integers(1, 9))
def test_utf_8_is_always_found(text: str, block: int) -> None:
    """However the blocks fall."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        path = file(Path(folder), ("a plain header without NULs\n" * 9 + text.replace("\0", "")).encode())
        assert text_encoding(path) == "utf-8"


@pytest.mark.parametrize("lost", [1, 20, 60])
def test_a_gzip_file_that_breaks_off_is_named(tmp_path: Path, lost: int) -> None:
    """Also where its first block is cut."""
    content = gzip.compress(b"note,icd\n" + b"Invented text.,I10\n" * 400)
    (tmp_path / "t.csv.gz").write_bytes(content[:-lost])
    with pytest.raises(MalformedInput, match="breaks off or is damaged"):
        text_encoding(tmp_path / "t.csv.gz")
