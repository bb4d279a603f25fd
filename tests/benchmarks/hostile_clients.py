"""Clients that mean harm, none with a key: ``python hostile_clients.py HOST PORT SECONDS``.

Prints JSON: by kind, the connections that were made. Whoever is cut off comes again a second later.
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

PAUSE = 1.0
"""Seconds between two connections of one client."""
BODY = b"x" * 1_999_999
STRANGER = b"GET /v1/model HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer icd_0123456789abcdef_nobody\r\n\r\n"
LARGEST_OPEN_FILE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"


async def idle(client: socket.socket) -> None:
    """Send nothing."""
    await _until_closed(client)


async def slow_head(client: socket.socket) -> None:
    """Slow-loris: a line of the head each second, and never its end."""
    await _send(client, b"GET /v1/model HTTP/1.1\r\nHost: a\r\n")
    while True:
        await asyncio.sleep(1)
        await _send(client, b"X-More: 1\r\n")


async def stranger(client: socket.socket) -> None:
    """One request with a wrong key after the other, as fast as they are answered."""
    while True:
        await _send(client, STRANGER)
        if not await asyncio.get_running_loop().sock_recv(client, 1 << 16):
            return


async def slow_reader(client: socket.socket) -> None:
    """Ask for the largest file that needs no key, and read a byte each second."""
    await _send(client, LARGEST_OPEN_FILE)
    while await asyncio.get_running_loop().sock_recv(client, 1):
        await asyncio.sleep(1)


async def large_body(client: socket.socket) -> None:
    """2 MB, but for a byte, to a probe."""
    await _send(client, b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + BODY)
    await _until_closed(client)


async def large_note(client: socket.socket) -> None:
    """The same as a note to code."""
    await _send(client, b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + BODY)
    await _until_closed(client)


CROWD: dict[Callable[[socket.socket], Awaitable[None]], int] = {
    idle: 200,
    slow_head: 100,
    stranger: 100,
    slow_reader: 50,
    large_body: 25,
    large_note: 25,
}
"""How many there are of each kind: together twice as many as one address may have connections."""


async def _send(client: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(client, data)


async def _until_closed(client: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(client, 1 << 16):
        continue


async def _come_again(
    kind: Callable[[socket.socket], Awaitable[None]], address: tuple[str, int], made: Counter[str]
) -> None:
    """Be a client of this kind for ever."""
    while True:
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                await asyncio.get_running_loop().sock_connect(client, address)
                made[kind.__name__] += 1
                await kind(client)
            except OSError:
                pass
        await asyncio.sleep(PAUSE)


async def attack(host: str, port: int, seconds: float) -> Counter[str]:
    """All of them together, for some seconds."""
    made: Counter[str] = Counter()
    clients = [_come_again(kind, (host, port), made) for kind, number in CROWD.items() for _ in range(number)]
    tasks = [asyncio.ensure_future(client) for client in clients]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return made


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
