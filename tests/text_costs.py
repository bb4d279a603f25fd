"""How the processor time of passes over a text grows with its length."""

import gc
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import process_time

from tests.text_pathologies import pathology

Seconds = dict[str, float]
"""Processor seconds by the name of the pass."""
AT_MOST = 2.5
"""Times as long may a pass take for twice the text."""
FLOOR = 0.005
"""Seconds below which a pass is not judged: a note may be ten times as long, and half a second is no harm."""


class Clock:
    """Times the passes over one text."""

    def __init__(self) -> None:
        self.seconds: Seconds = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        started = process_time()
        yield
        self.seconds[name] = process_time() - started


CERTAIN = 3.0
"""Seconds that no load makes of a linear pass over these lengths: it is not measured again."""

Passes = Callable[[str, Clock], None]
"""Times each of several passes over a text under its name."""


def superlinear(
    passes: Passes,
    unit: str,
    small: int,
    large: int,
    least_rounds: int = 1,
    most_rounds: int = 8,
    **around: str,
) -> dict[str, str]:
    """The passes whose time grows faster than AT_MOST for each doubling, with the times of the last round.

    Both lengths are measured in turn, until each pass was within the limit in some round or the rounds are over: load
    can make any one measurement longer, and a processor that is lent for a moment any one shorter.
    """
    allowed = AT_MOST ** math.log2(large / small)
    wrong: dict[str, str] | None = None
    for done in range(1, most_rounds + 1):
        short, long = (_measured(passes, pathology(unit, size, **around)) for size in (small, large))
        beyond = dict(_beyond(short, long, allowed))
        wrong = {name: times for name, times in beyond.items() if wrong is None or name in wrong}
        if not wrong and (done >= least_rounds or max(long.values()) < FLOOR):
            break
        if any(long[name] > CERTAIN for name in wrong):
            break
    return wrong or {}


def _measured(passes: Passes, text: str) -> Seconds:
    clock = Clock()
    gc.disable()  # as timeit does: a collection costs as much as all objects of the process
    try:
        passes(text, clock)
    finally:
        gc.enable()
    return clock.seconds


def _beyond(small: Mapping[str, float], large: Mapping[str, float], allowed: float) -> Iterator[tuple[str, str]]:
    for name, seconds in large.items():
        if seconds > FLOOR and seconds > allowed * small[name]:
            yield name, f"{1000 * small[name]:.1f} ms, then {1000 * seconds:.1f} ms"
