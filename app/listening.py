"""Bind the socket of the service, and tell whether an address is loopback."""

import ipaddress
import socket

from model.errors import InvalidOption


def listen(host: str, port: int, no_auth: bool) -> socket.socket:
    """Bind a socket before the bundle is loaded, so that an unusable port is reported at once.

    Raises:
        InvalidOption: the host is not loopback although no keys are asked for, or the port cannot be bound.
    """
    if not host:
        raise InvalidOption("--host is empty: use --host 127.0.0.1, or 0.0.0.0 for every address of this machine")
    if no_auth and not is_loopback(host):
        raise InvalidOption(
            f"--no-auth lets in everyone who can reach the port, and the host '{host}' is not loopback: use "
            "--host 127.0.0.1, or leave --no-auth out and create keys with `icd-coder keys create`"
        )
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is named. Without it the second half of an answer waits 40 ms for
    # the client's delayed acknowledgement of the first.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that a restart can bind the port
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise InvalidOption(
            f"the port {port} of {host} cannot be bound ({error.strerror}): choose another --port or --host"
        ) from None
    except OverflowError:
        bound.close()
        raise InvalidOption(f"the port {port} is out of range: choose a --port from 1 to 65535") from None
    return bound


def is_loopback(host: str) -> bool:
    """Whether the host is ``localhost`` or a loopback address; other names are not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
