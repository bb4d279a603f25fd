"""The server's side of a connection without a socket, for tests in virtual time."""

import asyncio
from typing import Any

BUFFER = 1 << 16
"""Bytes that a transport takes before it asks for a pause, as asyncio's."""


class MemoryTransport(asyncio.Transport):
    """The server's side of a connection whose client can stop to read."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1), "sockname": ("127.0.0.1", 80)})
        self.received = b""
        self.closed_at: float | None = None
        self.reads = True
        self._unread = 0
        self._is_closing = False
        self._is_paused = False
        self._protocol: Any = None

    def connect(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)

    def client_sends(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def client_reads(self) -> None:
        """All that there is."""
        self._unread = 0
        if self._is_paused:
            self._is_paused = False
            self._protocol.resume_writing()
        if self._is_closing:
            self._lose()

    def write(self, data: Any) -> None:
        self.received += data
        if not self.reads:
            self._unread += len(data)
        if self._unread > BUFFER and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True
        if not self._unread:
            self._lose()

    def abort(self) -> None:
        self._is_closing = True
        self._lose()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def _lose(self) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
