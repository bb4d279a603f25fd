"""The check of quotes: a slow twin judges character by character, and no two readers disagree about what it passes."""

import csv
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.errors import MalformedInput
from training.prepare import quote_check
from training.prepare.quote_check import line_of_odd_quote
from training.prepare.string_csv import read_csv

TEXTS = st.text(st.sampled_from('a,"\n'), max_size=24)


def slow_line(text: str) -> int | None:
    """The line of the first quote that neither opens, closes nor doubles, or that opens what never ends."""
    line, begin, state = 1, 1, "start"
    for place, character in enumerate(text):
        following = text[place + 1 : place + 2]
        if character == '"':
            if state in ("start", "closing"):
                begin = line
                state = "quoted"
            elif state == "quoted":
                if following not in ("", ",", "\r", "\n", '"'):
                    return line
                state = "closing"
            else:
                return line
        elif state != "quoted":
            state = "start" if character in ",\n" else "unquoted"
        line += character == "\n"
    return begin if state == "quoted" else None


@given(TEXTS, st.integers(1, 9), st.booleans(), st.booleans())
@settings(max_examples=300)
@example('a,b\n5\'8",scar of 2" long\n', 4, False, False)
def test_it_agrees_with_the_slow_twin(text: str, block: int, packed: bool, mark: bool) -> None:
    """However the blocks fall, compressed or not, with a byte order mark or not."""
    content = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(quote_check, "BLOCK", block)
        path = Path(folder) / "t.csv"
        path.write_bytes(gzip.compress(content) if packed else content)
        assert line_of_odd_quote(path) == slow_line(text)


@given(st.lists(TEXTS, max_size=3))
@settings(max_examples=300, deadline=None)
@example(['1,5\'8",x\n2,3",y\n'])
def test_what_is_read_is_what_python_reads(parts: list[str]) -> None:
    """Or the file is refused: an inch mark shifts no column. polars makes a row of a blank line."""
    text = "a,b,c\n" + "".join(parts)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(text)
        try:
            found = read_csv(path, ["a", "b", "c"]).rows()
        except MalformedInput:
            return
        with path.open(newline="") as file:
            rows = [tuple(row) for row in csv.reader(file, strict=True)][1:]
        if rows and rows[-1][3:] == ("",):  # an empty field too many at the very end of the file is passed over
            rows[-1] = rows[-1][:3]
        assert [row for row in found if any(row)] == [row for row in rows if any(row)]


def test_the_line_is_named(tmp_path: Path) -> None:
    """Of a quote far into the file, after quoted line breaks."""
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + '1,"two\nlines",""\n' * 200_000 + '2,height 5\'8",3"\n')
    with pytest.raises(MalformedInput, match="line 400,002 of .* has a quote inside of an unquoted field"):
        read_csv(path, ["a"])
