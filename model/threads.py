"""How many threads computations use, and how idle threads wait.

OpenMP reads its variables when its library is loaded, which is when torch, scikit-learn or faiss is imported. So the
command line calls :func:`choose_threads` before it imports any of them.
"""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def choose_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables of OpenMP that the user has not set.

    ``OMP_WAIT_POLICY=PASSIVE``: a thread that waits for the others sleeps. By default it spins, and takes the core
    from the thread that it waits for when another process is busy; training then runs many times slower.
    ``OMP_NUM_THREADS``: the cores that this process may use. OpenMP itself does not see a container's quota.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("OMP_NUM_THREADS", str(available_cores()))


def thread_count() -> int:
    """Threads of one computation: ``OMP_NUM_THREADS`` where it is a number, else the available cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else available_cores()


def available_cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may use: its affinity, and the quota of its container where that is lower."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return affinity if quota is None else max(1, min(affinity, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Cores of the CPU quota in version 2 or 1 of Linux's control groups; None: no limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            limit, period = (cgroup / "cpu.max").read_text().split()
        else:
            limit, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(limit) / int(period) if limit != "max" and int(limit) > 0 else None
    except (OSError, ValueError):
        return None
