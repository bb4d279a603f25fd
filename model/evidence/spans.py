"""Turns weights of tokens into a few readable spans of the text."""

import unicodedata

import numpy as np

from model.network.windows import SPECIAL
from model.prediction import ATTENTION, Evidence
from model.text.function_words import content_part

MAX_SPANS = 3
MIN_TIMES_UNIFORM = 3.0
"""A token is evidence when it has at least this many times its share under uniform weights; untuned."""
MIN_OF_BEST = 0.25
"""... and at least this share of the best token's weight; untuned."""
LONGEST_WORD = 60
"""Characters that a token is widened by on either side, and that a token may have: scripts without spaces have no
words to widen to, and a run of a million letters is read as one unknown token."""


def evidence_spans(
    text: str, weights: np.ndarray, offsets: np.ndarray, source: str = ATTENTION, language: str = "en"
) -> tuple[Evidence, ...]:
    """The best spans for one code, heaviest first.

    Tokens that stand out are widened to whole words, neighbours are merged, and at most MAX_SPANS remain. A function
    word has no weight, and joins the content words around it at most.

    Shape:
        weights (N,) attention or AttInGrad over tokens, summing to 1; offsets (N, 2) code points, SPECIAL for special
        tokens.
    """
    real = (offsets[:, 0] != SPECIAL) & (offsets[:, 1] - offsets[:, 0] <= LONGEST_WORD)
    if not real.any():
        return ()
    weights = np.where(real, weights, 0.0)
    spans = _of_content(text, _merge(text, _standing_out(text, weights, offsets, language)), language)
    heaviest = sorted(spans, key=lambda span: (-span[2], span[0]))[:MAX_SPANS]
    return tuple(Evidence(start, end, text[start:end], round(weight, 4), (source,)) for start, end, weight in heaviest)


def _standing_out(text: str, weights: np.ndarray, offsets: np.ndarray, language: str) -> list[tuple[int, int, float]]:
    """Words whose tokens have MIN_TIMES_UNIFORM, and MIN_OF_BEST of the best content word's; function words weigh 0."""
    best, found = 0.0, []
    for token in np.argsort(-weights, kind="stable").tolist():
        weight = float(weights[token])
        if weight < max(MIN_TIMES_UNIFORM / len(weights), MIN_OF_BEST * best):
            break
        if _visible(text, *offsets[token]):
            start, end = _whole_word(text, *offsets[token])
            is_content = content_part(text, start, end, language) is not None
            best = best or weight * is_content
            found.append((start, end, weight * is_content))
    return found


def _of_content(text: str, spans: list[tuple[int, int, float]], language: str) -> list[tuple[int, int, float]]:
    parts = ((content_part(text, start, end, language), weight) for start, end, weight in spans)
    return [(*part, weight) for part, weight in parts if part is not None]


def _visible(text: str, start: int, end: int) -> bool:
    """Byte-level tokenizers make tokens of white space, some of no width."""
    return bool(text[start:end].strip())


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    """The token's span without white space, widened to the word that it is part of."""
    start, end = int(start), int(end)
    end = start + len(text[start:end].rstrip())
    start = end - len(text[start:end].lstrip())
    first, last = max(0, start - LONGEST_WORD), min(len(text), end + LONGEST_WORD)
    while start > first and _in_word(text[start - 1]) and _in_word(text[start]):
        start -= 1
    while end < last and _in_word(text[end]) and _in_word(text[end - 1]):
        end += 1
    return start, end


def _in_word(character: str) -> bool:
    """Letters, digits, and the accents that stand on them."""
    return character.isalnum() or unicodedata.combining(character) != 0


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
