"""Reads the cells of a user's table as notes, ids and codes; a cell of another type is refused with the remedy."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal

from model.formula_guard import unguarded
from training.prepare.code_cells import NULL_WORDS
from training.prepare.table_rows.rows import Value

NOTHING = NULL_WORDS | {"#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"}
"""Upper case: words of databases, data frames and spreadsheets where nothing is, or nothing is left."""
_FLOAT = re.compile(r"[+-]?[0-9]+[.,]0+|[+-]?[0-9][.,][0-9]+[eE]\+?[0-9]+|[0-9][eE]\+[0-9]+")
_FRACTION = (
    "an id written as a number with a fraction or exponent, which other exports of it do not have (write ids as text "
    "or whole numbers)"
)
LONGEST_WORD = max(map(len, NOTHING))


class WrongCell(ValueError):
    """A cell whose type or form cannot be taken; the message never quotes it."""


def is_null_word(value: Value) -> bool:
    """Whether a text is a word such as NULL or NaN, alone."""
    return isinstance(value, str) and len(word := value.strip()) <= LONGEST_WORD and word.upper() in NOTHING


def is_guarded(value: Value) -> bool:
    """Whether a note or an id begins with a quote against formulas; :func:`text_of` and :func:`id_of` take it off."""
    text = _text(value) if isinstance(value, str | bytes) else None
    return text is not None and unguarded(text) != text


def text_of(value: Value) -> str | None:
    """A note; None where nothing is.

    Raises:
        WrongCell: it is a list or a structure, or bytes that are no UTF-8.
    """
    text = _text(value)
    text = None if text is None else unguarded(text)
    return None if text is None or not text.strip() or is_null_word(text) else text


def id_of(value: Value) -> str | None:
    """An id without blanks around; None where nothing is.

    Raises:
        WrongCell: it is a fraction, as a data frame writes whole numbers in a column with gaps, or no text at all.
    """
    if isinstance(value, float) and not math.isnan(value):
        raise WrongCell(_FRACTION)
    text = unguarded(_text(value) or "").strip()
    if not text or is_null_word(text):
        return None
    if _FLOAT.fullmatch(text):
        raise WrongCell(_FRACTION)
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise WrongCell("a control character or a lone surrogate")
    return text


def codes_of(value: Value) -> str | list[str | None] | None:
    """The codes of a cell as text, or as a list of texts.

    Raises:
        WrongCell: it holds numbers, dates or structures.
    """
    if isinstance(value, list):
        return [_code_text(one) for one in value]
    return _code_text(value)


def _code_text(value: Value) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        if isinstance(value, str | bytes):
            return _text(value)
        raise WrongCell(f"{_kind(value)}, expected text or a list of texts")
    raise WrongCell(
        "a number, expected text: a code read as a number has lost its leading zeros, so write the file again with "
        "codes as text"
    )


def _text(value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bytes):
        return utf8_text(value)
    if isinstance(value, Sequence | dict):
        raise WrongCell(f"{_kind(value)}, expected text")
    return str(value)


def utf8_text(value: str | bytes) -> str:
    """A text of the bytes of a parquet file.

    Raises:
        WrongCell: they are no UTF-8.
    """
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise WrongCell("bytes that are no UTF-8, expected text") from None


def _kind(value: Value) -> str:
    if isinstance(value, dict):
        return "a structure with fields"
    if isinstance(value, list | tuple):
        return "a list"
    return f"a value of type {type(value).__name__}"
