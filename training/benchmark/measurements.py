"""Time and memory of calls."""

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from model.progress import progress_bar

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def added_mebibytes(call: Callable[[], object], device: str) -> float | None:
    """Peak memory that a call adds, in MiB: allocated GPU memory, or the resident set of this process.

    None where the system does not report it; on CPUs only Linux does.
    """
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    if not sys.platform.startswith("linux"):
        return None
    if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc keeps what was freed; musl has no such call
        ctypes.CDLL(None).malloc_trim(0)
    try:
        RESET.write_text("5")  # sets the peak to what is resident now; some containers forbid it
    except PermissionError:
        return None
    resident = _kibibytes("VmRSS")
    call()
    return (_kibibytes("VmHWM") - resident) / 1024


def _kibibytes(field: str) -> int:
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def alternate(calls: Mapping[str, Callable[[], object]], repeats: int, device: str) -> dict[str, list[float]]:
    """Seconds of ``repeats`` runs of each call, after one warm-up round.

    The calls alternate, so that other load on the machine affects all of them alike.
    """
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
