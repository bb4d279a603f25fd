"""From attention over tokens to a few readable spans of the text."""

import numpy as np

from model.prediction import Evidence
from model.windows import SPECIAL

MAX_SPANS = 3
MIN_TIMES_UNIFORM = 3.0
"""A token is evidence when it has at least this many times its share under uniform attention; untuned."""
MIN_OF_BEST = 0.25
"""... and at least this share of the best token's weight; untuned."""


def evidence_spans(text: str, weights: np.ndarray, offsets: np.ndarray) -> tuple[Evidence, ...]:
    """The best spans for one code, heaviest first.

    Tokens that stand out are widened to whole words, neighbours are merged, and at most MAX_SPANS remain.

    Shape:
        weights (N,) attention over tokens; offsets (N, 2) code points, SPECIAL for special tokens.
    """
    real = offsets[:, 0] != SPECIAL
    if not real.any():
        return ()
    weights = np.where(real, weights, 0.0)
    floor = max(MIN_TIMES_UNIFORM / len(weights), MIN_OF_BEST * float(weights.max()))
    chosen = np.flatnonzero(weights >= floor)
    spans = _merge(text, [(*_whole_word(text, *offsets[token]), float(weights[token])) for token in chosen])
    heaviest = sorted(spans, key=lambda span: (-span[2], span[0]))[:MAX_SPANS]
    return tuple(Evidence(start, end, text[start:end], round(weight, 4)) for start, end, weight in heaviest)


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    start, end = int(start), int(end)
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return start, end


def _merge(text: str, spans: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Join spans that touch, overlap, or are parted by spaces on one line only."""
    merged: list[tuple[int, int, float]] = []
    for start, end, weight in sorted(spans):
        if merged:
            before_start, before_end, before_weight = merged[-1]
            gap = text[before_end:start]
            if start <= before_end or (gap.strip() == "" and "\n" not in gap):
                merged[-1] = (before_start, max(before_end, end), before_weight + weight)
                continue
        merged.append((start, end, weight))
    return merged
