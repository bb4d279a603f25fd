"""Sections of a discharge summary, found by their headings."""

import re
from bisect import bisect_right
from dataclasses import dataclass

_HEADING = re.compile(r"^[ \t]*([A-ZÁÉÍÓÚÑ][A-Za-zÁÉÍÓÚÑáéíóúñ/&() ]{1,48}):", re.MULTILINE)
_MOST_WORDS = 6
_FAMILY = re.compile(r"\b(?:family|familiar\w*|fhx?|fam hx)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Section:
    """Text from a heading to the next; offsets in code points, the heading included."""

    start: int
    end: int
    name: str
    """As written, without the colon."""

    @property
    def of_the_family(self) -> bool:
        """Whether the section is the family history: "Family History", "FHx", "Antecedentes familiares"."""
        return _FAMILY.search(self.name) is not None


def read_sections(text: str) -> tuple[Section, ...]:
    """Sections in order; what stands before the first heading belongs to none.

    A heading is a few words with a capital letter at the start of a line, and a colon.
    """
    found = [match for match in _HEADING.finditer(text) if len(match[1].split()) <= _MOST_WORDS]
    starts = [match.start() for match in found] + [len(text)]
    return tuple(Section(match.start(), end, match[1].strip()) for match, end in zip(found, starts[1:], strict=True))


def section_at(sections: tuple[Section, ...], offset: int) -> str | None:
    """Name of the section that an offset lies in, or None."""
    place = bisect_right(sections, offset, key=lambda section: section.start) - 1
    return sections[place].name if place >= 0 and offset < sections[place].end else None
