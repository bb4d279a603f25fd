"""Check boxes and signs of a text."""

import pytest

from model.text.check_boxes import read_marks


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("[ ] gout [x] asthma [X] stroke [] hernia [_] ulcer", [True, False, False, True, True]),
        ("☐ gout ☑ asthma ☒ stroke □ hernia ■ ulcer", [True, False, False, True, False]),
        ("( ) gout (x) asthma", [True, False]),
        ("(-) gout (+) asthma [–] stroke", [True, False, True]),
        ("[**Name 3**] a-b (a) x [xx] (--) gout", []),
    ],
)
def test_marks_are_read(text: str, denied: list[bool]) -> None:
    """Empty boxes and minuses deny; words in brackets and placeholders are no marks."""
    assert [mark.denied for mark in read_marks(text)] == denied


def test_a_mark_knows_its_place() -> None:
    """Offsets cut the mark out of the text."""
    text = "PMH: [ ] gout, asthma (-)"
    assert [text[mark.start : mark.end] for mark in read_marks(text)] == ["[ ]", "(-)"]
