"""Time of several calls that alternate, so that what disturbs the machine disturbs all of them."""

import time
from collections.abc import Callable, Mapping

import torch

from model.progress import progress_bar


def alternate(calls: Mapping[str, Callable[[], object]], repeats: int, device: str) -> dict[str, list[float]]:
    """Seconds of each call, ``repeats`` times each, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with progress_bar("benchmark", total=(repeats + 1) * len(calls), unit="run") as bar:
        for number in range(repeats + 1):
            for name, call in calls.items():
                _wait(device)
                started = time.perf_counter()
                call()
                _wait(device)
                if number:
                    seconds[name].append(time.perf_counter() - started)
                bar.update(1)
    return seconds


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
