"""What `make test-offline` runs in: loopback works, nothing else is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline import refusal

SCRIPT = Path(__file__).with_name("offline.py")
PROBE = """
import os, socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
names = [name for _, name in socket.if_nameindex()]
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
    reached = True
except OSError:
    reached = False
print(sorted(set(names) - {"lo"}) if reached else "nothing", os.geteuid() != 0)
raise SystemExit(7)
"""


def test_a_command_reaches_loopback_and_nothing_else() -> None:
    """As a user who is not root, for PostgreSQL; its exit status is handed on."""
    why = refusal()
    if why is not None:
        pytest.skip(f"no network namespace can be had here ({why})")
    done = subprocess.run(
        [sys.executable, SCRIPT, sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.stdout == "nothing True\n", done.stderr
    assert done.returncode == 7


def test_without_the_program_it_says_so_and_ends_well(tmp_path: Path) -> None:
    """No failure of the suite where the machine cannot do it."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "false"], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert done.returncode == 0
    assert "skipped: no network namespace can be had here (the program unshare is not here)" in done.stderr
