"""Stays beside a container in the background: ``python -m tests.docker.supervisor LOG RESULT COMMAND...``

Hands SIGTERM on, and writes the exit code to RESULT when the container has ended.
"""

import signal
import subprocess
import sys
from pathlib import Path


def main(log: str, result: str, *command: str) -> None:
    """Run the command to its end."""
    with Path(log).open("ab") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    unfinished = Path(f"{result}.new")
    unfinished.write_text(str(code))
    unfinished.rename(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
