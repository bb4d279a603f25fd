"""Where the service may listen, found out before the bundle is loaded."""

import ipaddress
import socket

from model.errors import InvalidOption


def listen(host: str, port: int, no_auth: bool) -> socket.socket:
    """A bound socket; the server starts to listen on it when it can answer.

    Raises:
        InvalidOption: without keys the host is not this machine alone, or the port cannot be had.
    """
    if not host:
        raise InvalidOption("--host is empty: use --host 127.0.0.1, or 0.0.0.0 for every address of this machine")
    if no_auth and not is_loopback(host):
        raise InvalidOption(
            f"--no-auth lets anybody in who reaches the port, and the host '{host}' is not loopback: use "
            "--host 127.0.0.1, or leave --no-auth out and make keys with `icd-coder keys create`"
        )
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY for such alone, and without it the second half of an answer
    # waits for the client's delayed acknowledgement of the first, which takes 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart, the old connections linger
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise InvalidOption(
            f"the port {port} of {host} cannot be had ({error.strerror}): choose another --port or --host"
        ) from None
    except OverflowError:
        bound.close()
        raise InvalidOption(f"the port {port} is out of range: choose a --port from 1 to 65535") from None
    return bound


def is_loopback(host: str) -> bool:
    """Whether the host is this machine alone; a name other than localhost may be anything."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
