"""Merges the spans of several sources into a few readable ones, with section and assertions."""

from collections.abc import Iterable
from dataclasses import replace

from model.lexicon.phrase_evidence import span_context
from model.prediction import SOURCES, Evidence
from model.processor_budget import check_budget
from model.text.function_words import content_part
from model.text.read_note import ReadNote

MOST_SPANS = 5
"""Of one code, all sources together; untuned."""


def merge_evidence(note: ReadNote, spans: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Join the spans of one code that touch or are parted by spaces on one line only, and read their context.

    Function words at the ends go, and with them spans of nothing else: "was on" tells a reader nothing.
    Affirmed spans come first, then those that more sources point at, then the heavier ones.
    """
    check_budget()
    merged: list[Evidence] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if merged and _readable_gap(note.text, merged[-1].end, span.start):
            merged[-1] = _joined(note.text, merged[-1], span)
        else:
            merged.append(span)
    content = [_content(note, span) for span in merged]
    placed = [replace(span, **vars(span_context(note, span.start, span.end))) for span in content if span is not None]
    return tuple(sorted(placed, key=_order)[:MOST_SPANS])


def _content(note: ReadNote, span: Evidence) -> Evidence | None:
    part = content_part(note.text, span.start, span.end, note.language)
    return None if part is None else replace(span, start=part[0], end=part[1], text=note.text[slice(*part)])


def _readable_gap(text: str, end: int, start: int) -> bool:
    gap = text[end:start]
    return start <= end or (gap.strip() == "" and "\n" not in gap)


def _joined(text: str, first: Evidence, second: Evidence) -> Evidence:
    end = max(first.end, second.end)
    both = {*first.sources, *second.sources}
    return replace(
        first,
        end=end,
        text=text[first.start : end],
        weight=max(first.weight, second.weight),
        sources=tuple(source for source in SOURCES if source in both),
    )


def _order(span: Evidence) -> tuple[bool, int, float, int]:
    return (span.negated or span.family or span.hypothetical, -len(span.sources), -span.weight, span.start)
