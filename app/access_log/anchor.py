"""The anchor: how far the access log reached, kept in a file elsewhere.

The chain alone cannot tell that its last rows were removed, or that all of it was written anew.
"""

import json
from pathlib import Path

from app.access_log.chain import Link
from model.atomic_output import write_atomically
from model.errors import MalformedInput


def read_anchor(path: Path) -> Link | None:
    """The end of the log at the last verification, None where there is no such file yet.

    Raises:
        MalformedInput: the file is no anchor.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows, digest = content["rows"], content["hash"]
    except (ValueError, KeyError, TypeError):
        raise _no_anchor(path) from None
    if not isinstance(rows, int) or rows < 0 or not isinstance(digest, str):
        raise _no_anchor(path)
    return Link(rows, digest)


def write_anchor(path: Path, link: Link) -> None:
    """Replace the anchor.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    write_atomically(path, json.dumps({"rows": link.sequence, "hash": link.hash}).encode() + b"\n")


def _no_anchor(path: Path) -> MalformedInput:
    return MalformedInput(f"'{path}' is no anchor of an access log: name the file that `verify-log --anchor` wrote")
