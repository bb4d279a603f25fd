"""One note in the forms that systems send notes in."""

import html
import re


def forms_of(note: str) -> dict[str, str]:
    """The same note with other line ends, as HTML, and on one line, by the name of the form; "plain" is the note."""
    lines = note.split("\n")
    paragraphs = [_escaped(part).replace("\n", "<br>") for part in note.split("\n\n")]
    return {
        "plain": note,
        "CR": note.replace("\n", "\r"),
        "CR LF": note.replace("\n", "\r\n"),
        r"literal \n": note.replace("\n", r"\n"),
        r"literal \r\n": note.replace("\n", r"\r\n"),
        r"HL7 \.br\ ".strip(): note.replace("\n", "\\.br\\"),
        "HTML <br>": _escaped(note).replace("\n", "<br>"),
        "HTML <br/> and LF": _escaped(note).replace("\n", "<br/>\n"),
        "HTML <p> a line": "".join(f"<p>{_escaped(line)}</p>" for line in lines),
        "HTML <p> and <br>": "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs),
        "HTML <div> a line": "".join(f"<div>{_escaped(line) or '<br>'}</div>\n" for line in lines),
        "one line": note.replace("\n", " "),
        "one line, single blanks": re.sub(r"\s+", " ", note),
    }


def _escaped(text: str) -> str:
    letters = (f"&#{ord(letter)};" if ord(letter) > 127 else letter for letter in html.escape(text, quote=False))
    return "".join(letters).replace("  ", "&nbsp; ")
