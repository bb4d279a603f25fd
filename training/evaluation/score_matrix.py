"""What a matrix of scores must be, how it is walked in blocks, and its exact comparison with a threshold."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from model.threads import available_cores
from training.evaluation.gold import Gold

Result = TypeVar("Result")

BLOCK_CELLS = 4_000_000
"""Cells sorted at once: 16 MB of float32. Smaller blocks sort faster but search the positives more often."""


def checked_scores(scores: np.ndarray, gold: Gold) -> np.ndarray:
    """The scores as a float matrix (n, L), copied only when they are no floats.

    Raises:
        ValueError: another shape than the gold, or a NaN (infinite scores are fine).
    """
    expected = (gold.num_documents, gold.num_labels)
    if scores.shape != expected:
        raise ValueError(f"scores has the shape {scores.shape}, the positives and the label space need {expected}")
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if scores.size and np.isnan(scores.min()):  # min carries a NaN through and allocates nothing
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(f"scores holds NaN, first at document {row}, column {column}: no metric is defined on it")
    return scores


def exact_threshold(threshold: float | np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The threshold in the scores' own precision such that ``score > threshold`` decides as in float64.

    That is the largest number of that precision that does not exceed the threshold: plain rounding could
    pass it.

    Args:
        threshold: scalar or (L,).

    Raises:
        ValueError: neither a scalar nor (L,), or NaN.
    """
    wanted = np.asarray(threshold, dtype=np.float64)
    if wanted.shape not in ((), (scores.shape[1],)):
        raise ValueError(f"threshold has the shape {wanted.shape}, expected a scalar or ({scores.shape[1]},)")
    if np.isnan(wanted).any():
        raise ValueError("threshold holds NaN")
    rounded = wanted.astype(scores.dtype)
    return np.where(rounded > wanted, np.nextafter(rounded, rounded.dtype.type(-np.inf)), rounded)


def over_blocks(work: Callable[[int, int], Result], num_rows: int, num_columns: int) -> list[Result]:
    """``work(start, stop)`` on blocks of rows, on all processors (numpy sorts without holding the GIL)."""
    return list(block_results(work, num_rows, num_columns))


def block_results(work: Callable[[int, int], Result], num_rows: int, num_columns: int) -> Iterator[Result]:
    """The same one after the other, for results that are added up: few of them are in memory at once."""
    step = max(1, BLOCK_CELLS // max(num_columns, 1))
    threads = available_cores()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        ahead: deque[Future[Result]] = deque()
        for start in range(0, num_rows, step):
            ahead.append(pool.submit(work, start, min(start + step, num_rows)))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
