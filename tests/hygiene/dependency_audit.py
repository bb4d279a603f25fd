"""Asks the package index for known weaknesses: ``python tests/hygiene/dependency_audit.py [--report]``

Of the pinned versions. Exit code 1 where it knows of one, but 0 with --report, as CI calls it: a weakness becomes known
on any day, whatever is committed on it. Where the index does not answer, or knows nothing, one sentence says so.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10")
SECONDS = 180
"""For all versions together; an index that is not there may not refuse but be silent."""


def main() -> int:
    """The exit code."""
    beside = Path(sys.executable).with_name("pip-audit")
    program = str(beside) if beside.is_file() else shutil.which("pip-audit")
    if program is None:
        print("skipped: pip-audit is not here: pip install '.[release]'")  # noqa: T201
        return 0
    command = [program, "-r", CONSTRAINTS, *OPTIONS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        print(f"skipped: the index gives no data on weaknesses in {SECONDS} seconds")  # noqa: T201
        return 0
    try:
        found = json.loads(done.stdout)["dependencies"]
    except json.JSONDecodeError:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"skipped: the index gives no data on weaknesses ({reason[:200]})")  # noqa: T201
        return 0
    audited = [each for each in found if "skip_reason" not in each]
    weak = [each for each in audited if each["vulns"]]
    for each in weak:
        print(f"{each['name']} {each['version']}: {', '.join(vuln['id'] for vuln in each['vulns'])}")  # noqa: T201
    if not audited:
        print(f"skipped: the index gives no data on weaknesses of {len(found)} versions")  # noqa: T201
    else:
        print(f"{len(audited)} of {len(found)} versions audited, {len(weak)} with known weaknesses")  # noqa: T201
    return 1 if weak and "--report" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
