"""The file of a job: read as a whole, or refused by the line that is to blame."""

import json
import tracemalloc

import pytest

from app.errors import InvalidLine
from app.jobs.job_file import LineLimits, read_job_file
from model.errors import InvalidOption
from tests.canary import CANARY

LIMITS = LineLimits(max_items=3, max_characters=100, max_top_k=50, max_bytes=200_000)
GOOD = json.dumps({"id": "a", "text": f"hypertension {CANARY}"}).encode()


def line(**fields: object) -> bytes:
    return json.dumps({"id": "b", "text": f"diabetes {CANARY}", **fields}).encode()


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"])
def test_a_note_a_line_however_the_file_ends(end: bytes) -> None:
    """With a byte order mark, as some editors write one."""
    notes = read_job_file(b"\xef\xbb\xbf" + GOOD + b"\r\n" + line(top_k=3, subject_id="p1") + end, LIMITS)
    assert [note.id for note in notes] == ["a", "b"]
    request = notes[1].request(reads_notes=True)
    assert (request.text, request.top_k, request.subject_id) == (f"diabetes {CANARY}", 3, "p1")
    assert (request.neighbours, request.explain) == (0, "attention")


def test_letters_that_end_lines_elsewhere_do_not_here() -> None:
    """U+2028 and U+0085 stand in notes."""
    text = f"one\u2028two\u0085three {CANARY}"
    body = json.dumps({"id": "a", "text": text}, ensure_ascii=False).encode()
    assert read_job_file(body, LIMITS)[0].text == text


@pytest.mark.parametrize(
    ("broken", "field", "words"),
    [
        (b"", "line 2", "is no JSON object"),
        (b"{", "line 2", "is no JSON object"),
        (b"\xff\xfe", "line 2", "is no JSON object"),
        (b'{"id": "b", "text": "\\ud800"}', "line 2", "is no JSON object"),
        (b"[" * 40_000, "line 2", "is no JSON object"),
        (f'"{CANARY}"'.encode(), "line 2", "is no JSON object"),
        (b"[]", "line 2", "is no JSON object"),
        (f'{{"id": "b", "{CANARY}": 1, "text": "x"}}'.encode(), "line 2", "does not know"),
        (b'{"id": "b"}', "line 2, text", "Field required"),
        (b'{"text": "x"}', "line 2, id", "Field required"),
        (line(id=7), "line 2, id", "valid string"),
        (line(id=""), "line 2, id", "at least 1 character"),
        (line(id=f"{CANARY}\n"), "line 2, id", "is not valid"),
        (line(text=" "), "line 2, text", "the note is empty"),
        (line(text=f"{CANARY}\0"), "line 2, text", "NUL character at position"),
        (line(text=CANARY * 20), "line 2, text", "the limit is 100"),
        (line(top_k=0), "line 2, top_k", "greater than or equal to 1"),
        (line(top_k=51), "line 2, top_k", "the limit is 50"),
        (line(top_k="5"), "line 2, top_k", "valid integer"),
        (line(systems=[CANARY]), "line 2, systems.0", "Input should be 'icd9cm'"),
        (line(include=[CANARY + "!"]), "line 2, include.0", "is not valid"),
        (line(neighbours=5), "line 2, neighbours", "is not a field"),
        (line(note_id="n1"), "line 2, note_id", "is not a field"),
        (line(id="a"), "line 2, id", "is that of line 1 too"),
    ],
)
def test_a_broken_line_is_named_without_its_words(broken: bytes, field: str, words: str) -> None:
    """By its number, and the field where one is to blame."""
    with pytest.raises(InvalidLine) as refused:
        read_job_file(b"\n".join([GOOD, broken, GOOD]), LIMITS)
    assert refused.value.field == field
    assert words in str(refused.value)
    assert "nothing was stored" in str(refused.value)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "words"), [(b"", "no note"), (b"\n \n", "no note"), (b"\n".join([GOOD] * 4), "4 lines, the limit is 3")]
)
def test_a_file_of_no_note_or_too_many_is_refused(body: bytes, words: str) -> None:
    """Before a line is read."""
    with pytest.raises(InvalidOption, match=words):
        read_job_file(body, LIMITS)


def test_a_line_that_no_request_could_be_is_not_read() -> None:
    """Its numbers would become objects before the line is refused."""
    long = b'{"id": "b", "text": "x", "more": [' + b"0," * 100_000 + b"0]}"
    with pytest.raises(InvalidLine, match=f"line 2 has {len(long)} bytes, the limit is 200000"):
        read_job_file(GOOD + b"\n" + long, LIMITS)


def test_a_line_of_many_values_is_not_parsed() -> None:
    """Listing 170,000 unknown fields held the interpreter for a second."""
    many = b'{"id": "b", "text": "x"' + b"".join(b',"%d":1' % number for number in range(17_000)) + b"}"
    assert len(many) < 200_000
    with pytest.raises(InvalidLine, match="line 2 has more than 50000 strings") as refused:
        read_job_file(GOOD + b"\n" + many.replace(b"1,", b"[],"), LIMITS)
    assert refused.value.field == "line 2"


@pytest.mark.parametrize("blank", [b"\n", b" \n"])
def test_lines_are_counted_before_they_are_made(blank: bytes) -> None:
    """Millions of them, blank at the end or not, cost no more than the file."""
    body = GOOD + blank * 500_000
    tracemalloc.start()
    try:
        assert len(read_job_file(body, LIMITS)) == 1
        with pytest.raises(InvalidOption, match="500001 lines, the limit is 3"):
            read_job_file(body + b"x", LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    finally:
        tracemalloc.stop()
