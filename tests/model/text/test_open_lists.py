"""Lists below a heading."""

import pytest

from model.text.open_lists import OpenLists


@pytest.mark.parametrize(
    ("below", "lines"),
    [
        ("\n- gout\n- asthma\nHome.", "- gout\n- asthma\n"),
        ("\n\n* gout\n* asthma\n\n* stroke", "* gout\n* asthma\n"),
        ("\n1. gout\n2) asthma\nPlan:\n", "1. gout\n2) asthma\n"),
        ("  \n  • gout\n  • asthma", "  • gout\n  • asthma"),
        ("\ngout\nasthma\n\nstroke", "gout\nasthma\n"),
        ("\ngout\nPlan: rest", "gout\n"),
        ("\n- gout\n- plan:\n- rest", "- gout\n"),
        ("\nA sentence. Another one.\ngout", None),
        ("\n\ngout", None),
        (" gout\n- asthma", None),
        ("", None),
    ],
)
def test_a_list_ends_where_a_reader_ends_it(below: str, lines: str | None) -> None:
    """At a blank line, a heading, or a line without a bullet."""
    text = f"Denies:{below}"
    found = OpenLists(text).below(len("Denies"))
    assert (None if found is None else text[found.start : found.end]) == lines


def test_a_heading_has_a_colon() -> None:
    """Without one the next line is no list."""
    assert OpenLists("Denies\n- gout").below(len("Denies")) is None
