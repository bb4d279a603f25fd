"""The one progress bar of long work."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress_bar(
    description: str, total: int | None = None, unit: str = "it", scale: bool = False, shown: bool = True
) -> Any:
    """A tqdm bar on standard error: live in a terminal, one line every ten seconds in a log, nothing unless ``shown``.

    Use it as a context manager, with ``update(n)`` and ``set_postfix(name=value)``.
    """
    live = sys.stderr.isatty()
    return tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=scale,
        mininterval=0.2 if live else 10.0,
        dynamic_ncols=live,
        ascii=not live,
        leave=True,
        disable=not shown,
    )


def with_progress(items: Iterable[T], description: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield the items while the bar moves on."""
    with progress_bar(description, total, unit) as bar:
        for item in items:
            yield item
            bar.update(1)
