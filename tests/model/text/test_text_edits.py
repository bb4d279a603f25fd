"""Edits of a text, and the way back, against a twin that keeps a list of characters."""

from hypothesis import given
from hypothesis import strategies as st

from model.text.text_edits import Edit, PlainNote

TEXTS = st.text("ab \n", max_size=30)


@st.composite
def edits(draw: st.DrawFn, length: int) -> list[Edit]:
    places = sorted(draw(st.lists(st.integers(0, length), max_size=8)))
    return [
        Edit(start, end, draw(st.text("xy", max_size=3))) for start, end in zip(places[::2], places[1::2], strict=False)
    ]


def slow_edited(characters: list[tuple[str, int, int]], changes: list[Edit], length: int) -> list[tuple[str, int, int]]:
    """Each character with the part of the text as sent that it stands for."""
    found, place = [], 0
    for edit in changes:
        found += characters[place : edit.start]
        start = characters[edit.start][1] if edit.start < len(characters) else length
        end = characters[edit.end - 1][2] if edit.end else 0
        found += [(letter, start, max(start, end)) for letter in edit.new]
        place = edit.end
    return found + characters[place:]


@given(TEXTS, st.data())
def test_characters_remember_where_they_came_from(text: str, data: st.DataObject) -> None:
    """After two rounds of edits, as in a list of characters."""
    note = PlainNote(text, text)
    characters = [(letter, place, place + 1) for place, letter in enumerate(text)]
    for _ in range(2):
        changes = data.draw(edits(len(note.text)))
        note, characters = note.edited(changes), slow_edited(characters, changes, len(text))
    assert note.text == "".join(letter for letter, _, _ in characters)
    for place, (_, start, end) in enumerate(characters):
        assert note.as_sent(place, place + 1) == (start, end)


@given(TEXTS, st.data())
def test_a_kept_span_comes_back(text: str, data: st.DataObject) -> None:
    """A span as sent that no edit touches is found again, and is itself when it is sent back."""
    changes = data.draw(edits(len(text)))
    note = PlainNote(text, text).edited(changes)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    if start < end and all(edit.end <= start or edit.start >= end for edit in changes):
        first, last = note.as_read(start, end)
        kept = note.text[first:last].strip("xy")
        assert kept == text[start:end]
        assert note.as_sent(first, last)[0] <= start <= end <= note.as_sent(first, last)[1]


def test_a_note_without_edits_is_itself() -> None:
    """No arrays are made."""
    note = PlainNote("gout", "gout")
    assert note.edited([]) is note
    assert note.as_sent(1, 3) == note.as_read(1, 3) == (1, 3)
