"""Memory that a call adds at its peak."""

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def added_mebibytes(call: Callable[[], object], device: str) -> float | None:
    """Growth of a GPU's allocated memory, or of this process's resident set, to its peak; None where the system does
    not tell it (it is Linux that does)."""
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
