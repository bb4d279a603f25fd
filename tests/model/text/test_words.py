"""Words, their stems and their places in the raw text."""

import subprocess
import sys

import pytest

from model.errors import InvalidOption
from model.text.words import read_words


def test_offsets_point_into_the_raw_text() -> None:
    """Code points, accents composed or not, also after a character of the astral planes."""
    text = "\U0001f600 Infección_grave, corazo\u0301n; T4-N0."
    words = read_words(text, "es")
    raw = [text[start:end] for start, end in zip(words.start, words.end, strict=True)]
    assert raw == ["Infección", "grave", "corazo\u0301n", "T4", "N0"]
    assert words.plain == ("infeccion", "grave", "corazon", "t4", "n0")
    assert words.sentence.tolist() == [0, 0, 0, 1, 1]


def test_inflections_share_a_stem() -> None:
    """English and Spanish each by their own rules."""
    assert len(set(read_words("infarction infarctions Infarctions").stems)) == 1
    assert len(set(read_words("infección infecciones", "es").stems)) == 1


def test_a_text_without_words_has_none() -> None:
    """Only signs."""
    words = read_words("-- !! \n")
    assert len(words) == 0
    assert words.start.shape == words.sentence.shape == (0,)


def test_an_unknown_language_is_named() -> None:
    """With those that are known."""
    with pytest.raises(InvalidOption, match="language 'tlh': use one of en, es"):
        read_words("qapla", "tlh")


def test_the_stemmer_is_needed_only_for_stems() -> None:
    """The module imports without it, and the first word says what to install."""
    code = (
        "import sys; sys.modules['snowballstemmer'] = None\n"
        "from model.text.words import read_words\n"
        "from model.errors import MissingInput\n"
        "try:\n    read_words('word')\nexcept MissingInput as error:\n    print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install snowballstemmer" in finished.stdout
