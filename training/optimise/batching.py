"""Batches of notes of similar length, the optimiser steps that they make, and the share of each process.

They depend on lengths, seed and epoch only, so every process and a resumed run make the same.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.options import TrainingOptions

POOL = 32
"""Batches that are sorted by length together: little padding, and epochs still differ. Untuned."""


@dataclass(frozen=True)
class BatchLimit:
    """How large a batch may be: notes, or, where given, tokens."""

    notes: int
    tokens: int = 0
    """Notes times the longest of them, so that padding counts; a longer note is a batch of its own."""

    def pool(self, sizes: np.ndarray) -> int:
        """Notes that are sorted together."""
        if not self.tokens:
            return POOL * self.notes
        return POOL * max(1, int(self.tokens / max(1.0, float(np.mean(sizes)))))

    def cut(self, chosen: np.ndarray, sizes: np.ndarray) -> list[list[int]]:
        """Batches of the notes ``chosen`` (k,), which are in order of length."""
        if not self.tokens:
            return [chosen[start : start + self.notes].tolist() for start in range(0, len(chosen), self.notes)]
        batches: list[list[int]] = []
        for index, size in zip(chosen.tolist(), sizes[chosen].tolist(), strict=True):
            if not batches or (len(batches[-1]) + 1) * size > self.tokens:
                batches.append([])
            batches[-1].append(index)
        return batches


def batch_limit(options: TrainingOptions) -> BatchLimit:
    """The limit that the options set."""
    return BatchLimit(options.batch_size, options.tokens_per_batch)


def shuffled_batches(sizes: np.ndarray, limit: BatchLimit, seed: int, epoch: int) -> list[list[int]]:
    """Batches of notes alike in length, in random order: the same for the same seed and epoch.

    Notes are shuffled, sorted by length within pools, cut, and the batches shuffled again.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(sizes))
    pool = limit.pool(sizes)
    batches: list[list[int]] = []
    for first in range(0, len(order), pool):
        chosen = order[first : first + pool]
        batches += limit.cut(chosen[np.argsort(sizes[chosen], kind="stable")], sizes)
    return [batches[index] for index in random.permutation(len(batches))]


def ordered_batches(sizes: np.ndarray, limit: BatchLimit) -> Iterator[list[int]]:
    """Every note once, by length."""
    yield from limit.cut(np.argsort(sizes, kind="stable"), sizes)


def epoch_steps(sizes: np.ndarray, options: TrainingOptions, epoch: int) -> list[list[list[int]]]:
    """The optimiser steps of an epoch, each a list of batches.

    A step has ``accumulate`` batches, or as many as hold ``contrastive_batch`` notes or more.
    The last step of an epoch has what is left.
    """
    batches = shuffled_batches(sizes, batch_limit(options), options.seed, epoch)
    if not options.steps_by_notes:
        size = options.accumulate
        return [batches[first : first + size] for first in range(0, len(batches), size)]
    steps: list[list[list[int]]] = [[]]
    for batch in batches:
        if sum(map(len, steps[-1])) >= options.contrastive_batch:
            steps.append([])
        steps[-1].append(batch)
    return steps


def share(sizes: Sequence[int] | np.ndarray, rank: int, processes: int) -> np.ndarray:
    """Positions in a batch of the notes that process ``rank`` takes, from the tokens of each note, in order.

    Longest note first, each to the process with the fewest tokens so far: no process has more than the others by
    more than one note. Where a batch has fewer notes than there are processes, some take none.
    """
    if processes == 1:
        return np.arange(len(sizes))
    loads = [(0, process) for process in range(processes)]
    mine: list[int] = []
    for position in np.argsort(-np.asarray(sizes), kind="stable").tolist():
        load, process = heapq.heappop(loads)
        heapq.heappush(loads, (load + int(sizes[position]), process))
        if process == rank:
            mine.append(position)
    return np.array(sorted(mine), dtype=np.int64)
