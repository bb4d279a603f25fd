"""The long runs of `make acceptance`, one after the other, and a dated summary for docs/LOG.md.

Run ``python tests/benchmarks/acceptance.py [--soak-minutes 30]``. Exit code 1 when one of them failed.
"""

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-m", "acceptance", "--timeout", "5400")


def runs(soak_minutes: float) -> dict[str, tuple[str, ...]]:
    """The commands, by what they are called in the summary."""
    apart = ("tests/app/web/test_schemathesis.py", "tests/app/database/test_kills.py")
    others = [option for path in apart for option in ("--ignore", path)]
    return {
        "overhead on a stub coder": (sys.executable, str(HERE / "benchmark_overhead.py")),
        "wrk, 200 connections": (sys.executable, str(HERE / "load_service.py")),
        "hostile clients, 60 seconds": (sys.executable, str(HERE / "attack_service.py")),
        f"soak, {soak_minutes:g} minutes": (sys.executable, str(HERE / "soak.py"), "--minutes", str(soak_minutes)),
        "schemathesis, 3,000 requests": (*PYTEST, apart[0]),
        "kill rounds": (*PYTEST, apart[1]),
        "all other acceptance tests": (*PYTEST, *others),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak-minutes", type=float, default=30)
    summary = []
    failed = False
    for name, command in runs(parser.parse_args().soak_minutes).items():
        print(f"== {name}", flush=True)
        start = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        failed |= code != 0
        held = "held" if code == 0 else f"MISSED (exit code {code})"
        summary.append(f"{name}: {held}, {time.monotonic() - start:.0f} s")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    today = datetime.now(UTC).date().isoformat()
    print(f"\n## {today} Acceptance ({commit or 'no commit'}, load {os.getloadavg()[0]:.1f} at the end)\n")
    print("\n".join(f"- {line}" for line in summary))
    sys.exit(failed)


if __name__ == "__main__":
    main()
