"""The service as a process of its own, for tests."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "icd_coder", *arguments]


@contextmanager
def serving(bundle: Path, log: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server on a free port, ready; its log goes to a file. Settings are named as in the environment."""
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            command("serve", "--bundle", str(bundle), "--port", "0", *options),
            cwd=ROOT,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **settings},
        ) as server,
    ):
        try:
            yield server, wait_until_ready(server, log)
        finally:
            server.kill()


def wait_until_ready(server: subprocess.Popen[bytes], log: Path) -> str:
    """The server's address, once /readyz says 200."""
    deadline = time.monotonic() + 180  # a busy machine takes a minute to import torch
    while time.monotonic() < deadline and server.poll() is None:
        running = re.search(r'"address": "(http://[\d.:]+)"', log.read_text())
        if running:
            try:
                urllib.request.urlopen(f"{running[1]}/readyz", timeout=5).close()  # noqa: S310 - our own server
            except urllib.error.HTTPError:
                pass
            else:
                return running[1]
        time.sleep(0.05)
    pytest.fail(f"the server did not start: {log.read_text()}")
