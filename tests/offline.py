"""Runs a command where there is no network but loopback: ``python tests/offline.py COMMAND...``

Linux's network namespaces, by the program ``unshare`` and without any privilege. Where the kernel, or the container
that this runs in, does not permit them, it says so and ends well: there is nothing to be found out then.
"""

import fcntl
import os
import pwd
import shutil
import socket
import struct
import subprocess
import sys

INSIDE = "--inside"
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 0x1
"""SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of netdevice(7)."""


def refusal() -> str | None:
    """Why there can be no namespace here, None where there can."""
    if shutil.which("unshare") is None:
        return "the program unshare is not here"
    tried = subprocess.run([*namespace(), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip()


def namespace() -> list[str]:
    """Starts a command as the root of a new namespace, who may bring its loopback up."""
    return ["unshare", "--user", "--map-root-user", "--net"]


def ordinary_user() -> list[str]:
    """Starts a command as nobody in particular: PostgreSQL refuses to run as root, also as one of a namespace."""
    user = pwd.getpwnam("nobody").pw_uid if os.environ["OFFLINE_USER"] == "0" else int(os.environ["OFFLINE_USER"])
    return ["unshare", "--user", f"--map-user={user}", f"--map-group={user}"]


def bring_loopback_up() -> None:
    """Set the flag that ``ip link set lo up`` sets; not every machine has that program."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", flags | UP))


def main(command: list[str]) -> None:
    """Become the command, in a namespace."""
    if command[:1] == [INSIDE]:
        bring_loopback_up()
        os.execvp("unshare", [*ordinary_user(), *command[1:]])
    why = refusal()
    if why is not None:
        sys.stderr.write(f"skipped: no network namespace can be had here ({why})\n")
        return
    os.environ["OFFLINE_USER"] = str(os.getuid())
    os.execvp("unshare", [*namespace(), sys.executable, __file__, INSIDE, *command])


if __name__ == "__main__":
    main(sys.argv[1:])
