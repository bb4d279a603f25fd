"""The service under wrk with 200 connections and a slow coder: statuses, Retry-After, memory, and /healthz meanwhile.

Run ``python tests/benchmarks/load_service.py [--seconds 20] [--coder-seconds 0.05]``. Each load is measured twice, with
neighbours (each answer is a row of the access log) and with a rate limit. /healthz is measured by a process
of its own, before the load and during it. Exit code 1 when a bound is not met.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.stub_process import StubService, stub_service

CONNECTIONS = 200
HEALTH_P99_MS = 50
GROWTH_MEGABYTES = 100
"""More than 200 bodies of 10 kB with what is made of them; a queue without a bound would pass it in seconds."""
ALLOWED = {"200", "429", "503"}
HERE = Path(__file__).parent
LOADS = {
    "without a rate limit": {"ICD_CODER_RATE_LIMIT": "none"},
    "100 requests a minute": {"ICD_CODER_RATE_LIMIT": "100/minute"},
}


class Memory(threading.Thread):
    """Samples the service's memory until told to stop."""

    def __init__(self, service: StubService) -> None:
        super().__init__(daemon=True)
        self.samples = [service.resident_megabytes()]
        self._service = service
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.25):
            self.samples.append(self._service.resident_megabytes())

    def stop(self) -> None:
        self._over.set()
        self.join()


def probe(service: StubService, seconds: float) -> "subprocess.Popen[str]":
    """Start measuring /healthz."""
    script = [sys.executable, str(HERE / "probe_health.py"), service.host, str(service.port), str(seconds)]
    return subprocess.Popen(script, stdout=subprocess.PIPE, text=True)


def told(process: "subprocess.Popen[str]") -> dict[str, float]:
    """What the probe found."""
    answer: dict[str, float] = json.loads(process.communicate()[0])
    return answer


def wrk(service: StubService, seconds: int) -> str:
    """Run wrk; its output."""
    command = [
        *("wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"),
        *("-s", str(HERE / "load_service.lua"), f"http://{service.host}:{service.port}/v1/predict"),
    ]
    environment = {**os.environ, "LOAD_KEY": service.key, "LOAD_NEIGHBOURS": "5"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def counted(output: str) -> dict[str, int]:
    """Answers by status, of all of wrk's threads."""
    counts: dict[str, int] = {}
    for status, count in re.findall(r"(\d{3})=(\d+)", output):
        counts[status] = counts.get(status, 0) + int(count)
    return dict(sorted(counts.items()))


def measure(name: str, settings: dict[str, str], seconds: int, coder_seconds: float) -> list[str]:
    """Print one load; the bounds that it misses."""
    with tempfile.TemporaryDirectory() as folder, stub_service(Path(folder), coder_seconds, **settings) as service:
        quiet = told(probe(service, 5))
        memory = Memory(service)
        memory.start()
        probing = probe(service, seconds)
        output = wrk(service, seconds)
        during = told(probing)
        memory.stop()
    counts = counted(output)
    silent = sum(map(int, re.findall(r"SILENT (\d+)", output)))
    growth = max(memory.samples) - memory.samples[0]
    print(f"{name}: {counts}, without Retry-After {silent}; {' '.join(re.findall('(?:ERRORS|REQUESTS) .*', output))}")
    print(f"  /healthz ms: quiet {quiet}; under load {during}")
    print(
        f"  memory MB: {memory.samples[0]:.1f} before, {max(memory.samples):.1f} at most, {memory.samples[-1]:.1f} last"
    )
    bounds = {
        f"statuses {sorted(set(counts) - ALLOWED)}": set(counts) <= ALLOWED and "200" in counts,
        f"{silent} refusals without Retry-After": silent == 0,
        f"/healthz p99 {during['p99']} ms": during["p99"] < HEALTH_P99_MS and not during["failures"],
        f"memory grew by {growth:.0f} MB": growth < GROWTH_MEGABYTES,
    }
    return [f"{name}: {missed}" for missed, held in bounds.items() if not held]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--coder-seconds", type=float, default=0.05)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        print("skipped: wrk is not here (apt-get install wrk)")
        return
    print(f"load of the machine {os.getloadavg()[0]:.1f}, {CONNECTIONS} connections, {given.seconds} s each")
    missed = [
        line for name, settings in LOADS.items() for line in measure(name, settings, given.seconds, given.coder_seconds)
    ]
    print("\n".join(f"MISSED {line}" for line in missed) or "all bounds are met")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
