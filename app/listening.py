"""Where the service may listen, found out before the bundle is loaded."""

import ipaddress
import socket

from model.errors import InvalidOption


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; the server starts to listen on it when it can answer.

    Raises:
        InvalidOption: the host is not this machine alone, or the port cannot be had.
    """
    require_loopback(host)
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart, the old connections linger
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise InvalidOption(
            f"the port {port} of {host} cannot be had ({error.strerror}): choose another --port"
        ) from None
    except OverflowError:
        bound.close()
        raise InvalidOption(f"the port {port} is out of range: choose a --port from 1 to 65535") from None
    return bound


def require_loopback(host: str) -> None:
    """Raise unless the host is loopback: there are no keys yet, so whoever reaches the port may ask.

    Raises:
        InvalidOption: any other host.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InvalidOption(
            f"the host '{host}' is not loopback, and this version has no access keys: use --host 127.0.0.1"
        )
