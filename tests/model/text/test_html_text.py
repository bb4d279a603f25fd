"""Notes that were sent as HTML."""

import pytest

from model.text.html_text import read_entities
from model.text.note_form import plain_note
from model.text.text_edits import PlainNote


def read(text: str) -> str:
    return plain_note(text).text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Gout<br>fever<BR/>cough<br />", "Gout\nfever\ncough\n"),
        ("Gout<br>\r\nfever", "Gout\nfever"),
        ("<p>Gout</p><p></p><p>fever</p>", "Gout\n\nfever\n"),
        ("<p>Gout<br>fever</p>\n<p>cough</p>", "Gout\nfever\n\ncough\n\n"),
        ("<div>Gout</div>\n<div>fever</div>", "Gout\nfever\n"),
        ("Denies:<ul>\n  <li>gout</li>\n  <li>fever</li>\n</ul>Home", "Denies:\n- gout\n- fever\nHome"),
        ("<table><tr><td>Gout</td>\n<td>no</td></tr><tr><td>COPD</td><td>yes</td></tr></table>",
         "Gout\tno\t\nCOPD\tyes\t\n"),
        ('<span class="x">pneu</span>monia and <b>gout</b>', "pneumonia and gout"),
        ("<html><head><style>p {gout: 1}</style></head><body>Gout<!-- fever --></body></html>", "Gout\n"),
        ("a&lt;br&gt;b", "a\nb"),
        ("no&nbsp;gout &amp; fever &#233;&eacute;&#xE9; &lt;5 &amp;nbsp;x", "no gout & fever ééé <5  x"),
        ("no&nbsp gout", "no  gout"),
        ("a&#13;&#10;b&#10;c", "a\nb\nc"),
        ("pneu&shy;monia", "pneumonia"),
    ],
)  # fmt: skip
def test_html_is_read_as_text(text: str, plain: str) -> None:
    """Tags of blocks are line ends, cells tabs, items bullets; entities are characters."""
    assert read(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "INR <2 and >1", "<DATE> at <HOSPITAL NAME>", "a <b and c> d", "R&D; AT&T; x&y", "<!-- open", "<p 0.05>", "&;",
        "&#1;", "5 < 6 > 4",
    ],
)  # fmt: skip
def test_what_is_no_html_stays(text: str) -> None:
    """Comparisons, placeholders, ampersands; a word is never taken for an attribute."""
    assert read(text) == text


def test_an_entity_is_one_character_of_the_text_as_sent() -> None:
    """Its span is all of it."""
    text = "x&eacute;y"
    note = PlainNote(text, text).edited(read_entities(text))
    assert note.text == "xéy"
    assert note.as_sent(1, 2) == (1, 9)
    assert note.as_sent(0, 3) == (0, 10)
