"""The text of a note that was sent as HTML, or with some of it left: tags, and entities such as "&nbsp;"."""

import re
from html import unescape
from html.entities import html5

from model.processor_budget import within_budget
from model.text.text_edits import Edit

_ENTITY = re.compile(
    r"&#(?:13|[xX]0?[dD]);&#(?:10|[xX]0?[aA]);|&(?:amp;){0,3}(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});|&nbsp"
)
_TAG = re.compile(r"<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9:]{0,11})(?P<attributes>\s[^<>]{0,1000})?/?>[ \t]*\n?")
_HIDDEN = re.compile(r"<(?P<opens>!--|style\b|script\b)", re.IGNORECASE)
_CLOSES = {
    "!--": re.compile("-->"),
    "style": re.compile("</style>", re.IGNORECASE),
    "script": re.compile("</script>", re.IGNORECASE),
}
_BLOCK = re.compile(
    "p|div|li|ul|ol|tr|table|tbody|thead|tfoot|caption|h[1-6]|hr|dl|dt|dd|pre|body|html|head|title|section|article|"
    "header|footer|blockquote|address|form"
)
_CELL = re.compile("t[dh]")
_INLINE = re.compile(
    "[biuas]|em|strong|span|font|sup|sub|small|big|center|code|tt|label|img|input|col|colgroup|meta|link|o:p"
)
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\ufeff")


def read_entities(text: str) -> list[Edit]:
    """Characters in place of the entities that HTML knows; other words between & and ; stay."""
    if "&" not in text:
        return []
    found = ((m, _character(m[0])) for m in within_budget(_ENTITY.finditer(text)))
    return [Edit(m.start(), m.end(), new) for m, new in found if new is not None]


def _character(entity: str) -> str | None:
    """What an entity stands for, also one that was escaped again ("&amp;nbsp;"); None of an unknown one."""
    if entity.count(";") == 2 and "amp" not in entity:
        return "\n"
    name = entity[1:].removesuffix(";").rpartition(";")[2]
    if name[0] != "#" and f"{name};" not in html5:
        return None
    character = unescape(f"&{name};")
    if character in _INVISIBLE:
        return ""
    return {"\u00a0": " ", "\r": "\n"}.get(character, character or None)


def read_tags(text: str) -> list[Edit]:
    """Line ends, tabs between cells, and bullets in place of the tags of a text; linear.

    A tag of a block takes the indentation before it and one line end behind it with it. A closing ``</p>`` is one line
    end, and two where the lines of a paragraph end in ``<br>``.
    """
    if "<" not in text:
        return []
    tags = [tag for tag in within_budget(_TAG.finditer(text)) if _is_tag(tag)]
    paragraph = "\n\n" if any(tag["name"].lower() == "br" for tag in tags) else "\n"
    edits: list[Edit] = []
    done, at_line_start = 0, True
    for tag in within_budget(tags):
        start = tag.start()
        while start > done and text[start - 1] in " \t":
            start -= 1
        if start > done:
            at_line_start = text[start - 1] == "\n"
        if _INLINE.fullmatch(tag["name"].lower()):
            edits.append(Edit(tag.start(), _bracket(tag), ""))
        else:
            edits.append(Edit(start, *_replaced(tag, at_line_start, paragraph)))
            at_line_start = edits[-1].new.endswith("\n") or (at_line_start and not edits[-1].new)
        done = edits[-1].end
    return edits


def _bracket(tag: re.Match[str]) -> int:
    return tag.start() + tag[0].rindex(">") + 1


def _is_tag(found: re.Match[str]) -> bool:
    """Whether HTML has the tag, and what follows its name are attributes."""
    name, attributes = found["name"].lower(), found["attributes"]
    known = name == "br" or any(kind.fullmatch(name) for kind in (_BLOCK, _CELL, _INLINE))
    return known and (not attributes or not attributes.strip(" /\t\n") or "=" in attributes)


def _replaced(tag: re.Match[str], at_line_start: bool, paragraph: str) -> tuple[int, str]:
    """Where the replaced part of a tag that is no inline one ends, and what replaces it."""
    name, closes = tag["name"].lower(), bool(tag["closes"])
    if _CELL.fullmatch(name):
        return (tag.end(), "\t") if closes else (_bracket(tag), "")
    if name == "br":
        return tag.end(), "\n"
    if name == "p" and closes:
        return tag.end(), paragraph
    line = "" if at_line_start else "\n"
    return tag.end(), f"{line}- " if name == "li" and not closes else line


def read_hidden(text: str) -> list[Edit]:
    """Nothing in place of comments, styles and scripts, which nobody reads; what is not closed stays. Linear."""
    edits: list[Edit] = []
    missing: set[str] = set()
    opens = _HIDDEN.search(text) if "<" in text else None
    while opens is not None:
        name = opens["opens"].lower()
        closes = None if name in missing else _CLOSES[name].search(text, opens.end())
        if closes is None:
            missing.add(name)
        else:
            edits.append(Edit(opens.start(), closes.end(), ""))
        opens = _HIDDEN.search(text, opens.end() if closes is None else closes.end())
    return edits
