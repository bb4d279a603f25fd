"""Installs from the archive where there is no route, and codes a note: ``python -m tests.docker.airgap_smoke ARCHIVE``

A fresh folder, an empty environment, a namespace that has loopback alone; then what docs/how-to/operations.md says,
word for word but for the size of the demo. Where there can be no namespace a sentence says so, and the exit code is 0.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.offline import refusal

OFFLINE = Path(__file__).resolve().parents[1] / "offline.py"
INSTALLED_MARK = "Done in"


def main(archive: Path) -> int:
    """The exit code."""
    why = refusal()
    if why is not None:
        print(f"skipped: no network namespace can be had here ({why})")  # noqa: T201
        return 0
    folder = Path(tempfile.mkdtemp(prefix="icd-coder-airgap-"))
    started = time.monotonic()
    try:
        install(archive, folder)
    finally:
        shutil.rmtree(folder)
    print(f"air-gap smoke test passed in {(time.monotonic() - started) / 60:.1f} minutes")  # noqa: T201
    return 0


def install(archive: Path, folder: Path) -> None:
    """Unpack, compare the checksums, install, and run the demo; any failure is an exception."""
    subprocess.run(["tar", "-x", "-C", folder, "-f", archive], check=True)
    [unpacked] = folder.iterdir()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=unpacked, check=True)
    environment = {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}
    make = ["make", f"PYTHON={sys._base_executable}", "WHEELS=../wheels", "DEMO=--admissions 200", "demo"]
    done = subprocess.run(
        [sys.executable, OFFLINE, *make], cwd=unpacked / "icd-coder", env=environment, stdout=subprocess.PIPE, text=True
    )
    sys.stdout.write(done.stdout)
    if done.returncode != 0 or INSTALLED_MARK not in done.stdout:
        raise SystemExit(f"the demo of the archive ended with {done.returncode}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
