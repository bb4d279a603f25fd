"""Sentence templates: alternatives ``{No|There was no} sign of <x>``, numbers ``{#2-9}`` and slots ``<x>``.

The files in ``wording/`` and ``lexicon/`` are in this notation, so that words can be added without code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import TypeVar

from model.errors import MalformedInput

T = TypeVar("T")
_PIECE = re.compile(r"[{}|]|[^{}|]+")
_NUMBER = re.compile(r"#(\d+(?:\.(\d+))?)-(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Number:
    """A uniform number in ``low``..``high`` with a fixed number of decimals."""

    low: float
    high: float
    decimals: int

    def render(self, rng: Random) -> str:
        return f"{self.low + rng.random() * (self.high - self.low):.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Template:
    """Text, numbers and choices between templates, in order."""

    parts: tuple["str | Number | tuple[Template, ...]", ...]

    def render(self, rng: Random) -> str:
        """One random wording; slots such as ``<x>`` are left in place."""
        pieces = []
        for part in self.parts:
            if isinstance(part, str):
                pieces.append(part)
            elif isinstance(part, Number):
                pieces.append(part.render(rng))
            else:
                pieces.append(pick(part, rng).render(rng))
        return "".join(pieces)


def pick(options: tuple[T, ...] | list[T], rng: Random) -> T:
    """A uniform choice, several times faster than ``rng.choice``."""
    return options[int(rng.random() * len(options))]


def parse(text: str) -> Template:
    """A template from its notation.

    Raises:
        MalformedInput: a brace without its partner.
    """
    pieces = iter(_PIECE.findall(text))
    options, closed = _options(pieces)
    if closed or len(options) != 1:
        raise MalformedInput(f"the template '{text}' has an unbalanced brace or a bare bar: fix the wording file")
    return options[0]


def _options(pieces: Iterator[str]) -> tuple[list[Template], bool]:
    """Alternatives up to the closing brace, and whether that brace came."""
    options: list[list[str | Number | tuple[Template, ...]]] = [[]]
    for piece in pieces:
        if piece == "}":
            return [Template(tuple(parts)) for parts in options], True
        if piece == "|":
            options.append([])
        elif piece == "{":
            options[-1].append(_choice(pieces))
        else:
            options[-1].append(piece)
    return [Template(tuple(parts)) for parts in options], False


def _choice(pieces: Iterator[str]) -> "Number | tuple[Template, ...]":
    options, closed = _options(pieces)
    if not closed:
        raise MalformedInput("a template has a '{' without '}': fix the wording file")
    only = options[0].parts[0] if len(options) == 1 and options[0].parts else None
    number = _NUMBER.fullmatch(only) if isinstance(only, str) else None
    if number:
        return Number(float(number[1]), float(number[3]), len(number[2] or ""))
    return tuple(options)


@cache
def wording() -> dict[str, tuple[Template, ...]]:
    """Every block of templates of the folder ``wording/``, by the name in its brackets."""
    blocks: dict[str, list[Template]] = {}
    for file in sorted(files(__package__).joinpath("wording").iterdir(), key=lambda file: file.name):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("[") and line.endswith("]") and "*" not in line:
                templates = blocks.setdefault(line[1:-1], [])
            elif line.strip():
                templates.append(parse(line))
    return {name: tuple(templates) for name, templates in blocks.items()}


def sentence(text: str) -> str:
    """First letter in upper case, single blanks, a full stop at the end."""
    text = " ".join(text.replace(" ,", ",").split())
    ending = "" if text[-1:] in ".:?!" else "."
    return f"{text[:1].upper()}{text[1:]}{ending}"
