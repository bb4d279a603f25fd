"""Rewords code titles by rules as notes would put them, and sometimes misspells them."""

import re
from random import Random

from training.prepare.icd_titles import IcdTitle

_DROPPED = (
    r"\[[^\]]*\]",
    r"\([^)]*\)",
    r",? (site|type|organism|cause) unspecified$",
    r",? unspecified (site|type|organism|cause)\b",
    r"\bor unspecified( type)?",
    r",? without mention of .*$",
    r",? in diseases classified elsewhere",
    r",? not elsewhere classified",
    r",? not stated as [a-z ]+",
    r",? stated as [a-z ]+",
    r"\b(other and unspecified|other specified|unspecified|other|nos|nec)\b",
    r",? injuring .*$",
    r",? or of later complication.*$",
    r" in therapeutic use",
)
_SYNONYMS = (
    ("malignant neoplasm of", "cancer of the"),
    ("causing adverse effects", "leading to side effects"),
    ("as the cause of abnormal reaction of patient", "that caused trouble"),
    ("benign neoplasm of", "benign tumor of the"),
    ("personal history of", "previous"),
    ("family history of", "relatives with"),
    ("long-term (current) use of", "ongoing use of"),
    ("closed fracture of", "broken"),
    ("septicemia", "bloodstream infection"),
    ("hemorrhage", "bleeding"),
    ("neoplasm", "tumor"),
    ("stenosis", "narrowing"),
    ("insufficiency", "leak"),
    ("renal", "kidney"),
    ("hepatic", "liver"),
    ("cardiac", "heart"),
    ("pulmonary", "lung"),
    ("cerebral", "brain"),
    ("embolism", "clot"),
    ("thrombosis", "clotting"),
    ("acute", "new onset"),
    ("chronic", "longstanding"),
    ("idiopathic", "unexplained"),
    ("disorder", "problem"),
    ("disease", "condition"),
    ("excision", "removal"),
    ("incision", "opening"),
    ("essential", "primary"),
    ("mellitus", ""),
)
_ABBREVIATIONS = (
    ("due to", "d/t"),
    ("without", "w/o"),
    ("with", "w/"),
    ("malignant neoplasm of", "CA of"),
    ("personal history of", "h/o"),
    ("family history of", "FHx of"),
    ("fracture", "fx"),
    ("acute", "ac."),
    ("chronic", "chr."),
    ("hemorrhage", "bleed"),
    ("infection", "infxn"),
    ("hypertensive", "HTN"),
    ("diabetes mellitus", "DM"),
    ("left", "L"),
    ("right", "R"),
    ("history of", "hx of"),
    ("motor vehicle", "MV"),
    ("lower extremity", "LE"),
    ("and", "+"),
)
_LONG_WORD = re.compile(r"[a-z]{7,}")


def reworded(title: IcdTitle) -> tuple[str, ...]:
    """Wordings made from a title by dropping, turning, replacing and abbreviating; never the title itself."""
    base = _stripped(title.long)
    turned = _turned(base)
    candidates = (
        base,
        turned,
        _replaced(base, _SYNONYMS),
        _replaced(base, _ABBREVIATIONS),
        _replaced(_replaced(turned, _SYNONYMS), _ABBREVIATIONS),
    )
    return tuple(dict.fromkeys(form for form in candidates if len(form) > 2 and not is_verbatim(form, title)))


def is_verbatim(form: str, title: IcdTitle) -> bool:
    """Whether a wording holds one of the two titles as it stands, in any case."""
    return title.long.lower() in form.lower() or title.short.lower() in form.lower()


def misspelt(text: str, rng: Random) -> str:
    """The text with one slip in one long lower-case word: a letter lost, doubled or swapped with the next."""
    words = list(_LONG_WORD.finditer(text))
    if not words:
        return text
    word = words[int(rng.random() * len(words))]
    place = word.start() + 1 + int(rng.random() * (len(word[0]) - 3))
    before, here, following, after = text[:place], text[place], text[place + 1], text[place + 2 :]
    slip = int(rng.random() * 3)
    if slip == 0:
        return f"{before}{following}{after}"
    if slip == 1:
        return f"{before}{here}{here}{following}{after}"
    return f"{before}{following}{here}{after}"


def _stripped(long_title: str) -> str:
    text = long_title.lower()
    for pattern in _DROPPED:
        text = re.sub(pattern, " ", text)
    return _tidy(text)


def _turned(text: str) -> str:
    """ "fracture of femur, shaft" becomes "shaft fracture of femur"."""
    head, comma, tail = text.partition(", ")
    if not comma or "," in tail or tail.startswith("with") or len(tail.split()) > 4:
        return text
    return _tidy(f"{tail} {head}")


def _replaced(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for old, new in table:
        text = re.sub(rf"\b{re.escape(old)}(?!\w)", new, text)
    return _tidy(text)


def _tidy(text: str) -> str:
    text = re.sub(r"\s*,(\s*,)*", ",", re.sub(r"\s+", " ", text))
    return text.strip(" ,;").removesuffix(" of").removesuffix(" and").removesuffix(", or").removeprefix("of ")
