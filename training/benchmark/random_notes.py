"""Notes of random tokens for the benchmark; speed depends on their shapes only."""

from dataclasses import dataclass

import numpy as np

from model.network.windows import SPECIAL, WindowedNote
from training.benchmark.options import BenchmarkOptions

FIRST_ID = 1000
"""Beyond the special tokens of BERT and RoBERTa."""
SPREAD = 0.5
"""Standard deviation of the logarithm of the lengths of mixed notes, whose median is half the longest; invented."""


@dataclass(frozen=True)
class RandomNote:
    """The tokens (N,) of a note, special ones not counted, and the same cut into windows."""

    ids: np.ndarray
    windowed: WindowedNote


def random_notes(options: BenchmarkOptions, vocabulary: int) -> list[RandomNote]:
    """One batch of notes."""
    random = np.random.default_rng(options.seed)
    lengths = np.full(options.batch_size, options.tokens)
    if options.mixed:
        drawn = options.tokens / 2 * np.exp(SPREAD * random.standard_normal(options.batch_size))
        lengths = np.clip(drawn.astype(np.int64), 1, options.tokens)
    first = min(FIRST_ID, vocabulary - 1)
    return [_note(random.integers(first, vocabulary, length), options.window) for length in lengths]


def _note(ids: np.ndarray, window: int) -> RandomNote:
    """Equal windows with two special tokens each, as :func:`model.network.windows.window_notes` cuts them."""
    parts = np.array_split(ids, -(-len(ids) // (window - 2)))
    windows = [np.concatenate([ids[:1], part, ids[:1]]) for part in parts]
    all_ids = np.concatenate(windows)
    offsets = np.full((len(all_ids), 2), SPECIAL, dtype=np.int64)
    lengths = np.array([len(part) for part in windows], dtype=np.int64)
    return RandomNote(ids, WindowedNote(all_ids, offsets, lengths, len(ids), len(ids)))
