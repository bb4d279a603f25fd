"""A note as windows of tokens: tokenised once, never truncated by the tokenizer, offsets kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

SPECIAL = -1
"""Offset of a special token, which lies on no text."""


@dataclass(frozen=True)
class WindowedNote:
    """Token ids of a note, window after window, each with its special tokens.

    Shape:
        ids (N,) int64; offsets (N, 2) int64, code points into the text, SPECIAL for special tokens;
        lengths (W,) int64, tokens of each window, summing to N.
    """

    ids: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    read_tokens: int
    total_tokens: int


def window_notes(tokenizer: Any, texts: Sequence[str], window: int, max_tokens: int) -> list[WindowedNote]:
    """Cut each note into the fewest windows of at most ``window`` tokens, of equal length within one token.

    Equal lengths instead of full windows and a rest: no window is mostly padding, and no last token is read
    almost without context. PLM-ICD (Huang et al. 2022) cuts full windows and pads a whole one when the length
    is a multiple of the window.

    Args:
        tokenizer: a fast Hugging Face tokenizer; its own truncation stays unused, since changing it is not
            thread-safe and drops text without a word.
        window: tokens a window, special tokens included.
        max_tokens: tokens of the note that are read, special tokens not counted.
    """
    encoded = tokenizer(
        list(texts),
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        truncation=False,
        verbose=False,
    )
    pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return [_cut(tokenizer, ids, offsets, window, max_tokens) for ids, offsets in pairs]


def _cut(tokenizer: Any, ids: list[int], offsets: list[tuple[int, int]], window: int, max_tokens: int) -> WindowedNote:
    read = min(len(ids), max_tokens)
    room = window - 2
    number = max(1, -(-read // room))
    bounds = [read * index // number for index in range(number + 1)]
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    all_ids: list[int] = []
    all_offsets: list[tuple[int, int]] = []
    for start, end in pairwise(bounds):
        all_ids += [first, *ids[start:end], last]
        all_offsets += [(SPECIAL, SPECIAL), *offsets[start:end], (SPECIAL, SPECIAL)]
    return WindowedNote(
        ids=np.array(all_ids, dtype=np.int64),
        offsets=np.array(all_offsets, dtype=np.int64).reshape(-1, 2),
        lengths=np.diff(np.array(bounds, dtype=np.int64)) + 2,
        read_tokens=read,
        total_tokens=len(ids),
    )
