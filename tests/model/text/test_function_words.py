"""What is left of a span without its function words."""

import pytest

from model.text.function_words import FUNCTION_WORDS, content_part
from model.text.stemming import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("by", None),
        ("was on the", None),
        ("WITH", None),
        ("...", None),
        ("[with acute on]", "acute"),
        ("acute on chronic", "acute on chronic"),
        ("and gout,", "gout,"),
        ("(gout)", "(gout)"),
        ("no fever", "fever"),
        ("", None),
    ],
)
def test_content_of_a_span(text: str, expected: str | None) -> None:
    """Function words go from both ends and stay in the middle; signs stay with a content word."""
    found = content_part(text, 0, len(text), "en")
    assert (None if found is None else text[slice(*found)]) == expected


@pytest.mark.parametrize(
    ("note", "word", "is_content"),
    [
        ("severe AS, awaiting valve", "AS", True),
        ("SEVERE PAIN AS BEFORE AND AFTER THE OPERATION ON MONDAY MORNING", "AS", False),
        ("ALL in remission", "ALL", True),
        ("all of it", "all", False),
        ("A fall", "A", False),
    ],
)
def test_abbreviations_in_capitals_are_content(note: str, word: str, is_content: bool) -> None:
    """Unless the whole text is in capitals."""
    start = note.index(word)
    assert (content_part(note, start, start + len(word), "en") is not None) is is_content


def test_spanish_has_its_own_words() -> None:
    """With accents or without; English ones are content there, and none is known of other languages."""
    assert content_part("también según", 0, 13, "es") is None
    assert content_part("con la neumonía", 0, 15, "es") == (7, 15)
    assert content_part("with", 0, 4, "es") == (0, 4)
    assert content_part("with", 0, 4, "de") == (0, 4)


def test_the_lists_are_written_as_they_are_looked_up() -> None:
    """A word with an accent or a capital would never be found."""
    assert all(plain(word) == word for words in FUNCTION_WORDS.values() for word in words)
