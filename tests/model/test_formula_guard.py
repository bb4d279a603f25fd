"""A guard against formulas can always be taken off again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.formula_guard import guarded, unguarded


@given(st.text(alphabet="'=+-@\t\ra5") | st.text())
def test_what_was_guarded_comes_back(text: str) -> None:
    """Whatever it begins with."""
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in set("=+-@\t\r")


@pytest.mark.parametrize("text", ["'tis", "'", "''", "", "a=b", "'90s", "\u2019-5"])
def test_other_quotes_stay(text: str) -> None:
    """An apostrophe is no guard."""
    assert guarded(text) == unguarded(text) == text


@pytest.mark.parametrize(("cell", "text"), [("'-5", "-5"), ("'=A1", "=A1"), ("''@x", "'@x"), ("'\t1", "\t1")])
def test_one_quote_is_taken_off(cell: str, text: str) -> None:
    """And no more."""
    assert unguarded(cell) == text
