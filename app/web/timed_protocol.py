"""uvicorn's protocol with the time limits that uvicorn does not have: for the head of a request, and for reading.

uvicorn closes a connection that is silent *after* an answer (``timeout_keep_alive``), and ``BodyLimit`` limits the time
of a body. Without further limits a connection that sends nothing, half a head, or the rest of a refused body, or that
does not read its answer, stays open for ever.
"""

import asyncio
from collections.abc import Callable
from time import thread_time
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.web.authentication import is_known
from app.web.connections import Connections, Standing

MOST_PARSING_SECONDS = 0.1
"""Of the processor for what a client sent at once, 256 kB at most. Usual requests need a hundredth of it; as chunks of
one byte it would hold up every other connection for a second or more."""
PIECE = 16_384
"""Bytes that are parsed before the time is looked at; h11 refuses a head of which it has seen more and not the end."""


class _TimeLimit:
    """Acts after some seconds, unless it is stopped before; to start it twice changes nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, act: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to count, where it does not yet."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._act)

    def stop(self) -> None:
        """Do not act; it can be started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TimedProtocol(H11Protocol):
    """Closes a connection that is not given the head of a request, or does not take in its answer, in time."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
        head_seconds: float,
        send_seconds: float,
    ) -> None:
        """One connection that is not made yet.

        Args:
            connections: shared by all connections of the server.
            head_seconds: from the first byte of a head, or from the connection, to the end of the head; and from the
                answer to a request, whose body was not read, to the end of that body.
            send_seconds: in which the client must read what was written to it, down to the low-water mark of the
                transport (16 kB).
        """
        super().__init__(config, server_state, app_state, _loop)
        self._registry = connections
        self._head = _TimeLimit(self.loop, head_seconds, self.abort)
        self._reading = _TimeLimit(self.loop, send_seconds, self.abort)
        self._is_known = False

    @property
    def standing(self) -> Standing:
        """What the connection does now; see :class:`app.web.connections.Connection`."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._has_caller:
            return Standing.BUSY
        return Standing.IDLE if self._is_known and not is_answering else Standing.STRANGER

    @property
    def _has_caller(self) -> bool:
        """Whether the current request was authenticated."""
        return self.scope is not None and is_known(self.scope)  # type: ignore[arg-type] # uvicorn names its keys

    def abort(self) -> None:
        """Close at once and drop what was not sent."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Start the time limit of the first head."""
        super().connection_made(transport)
        self.client = _unmapped(self.client)
        self._head.start()
        self._registry.enter(self, self.client[0] if self.client else "unknown")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._registry.leave(self)
        self._head.stop()
        self._reading.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Stop the time limit of the head when it is complete, or start that of the next one; what costs too much to
        parse is dropped with its connection."""
        start = thread_time()
        for place in range(0, len(data), PIECE):
            super().data_received(data[place : place + PIECE])
            if self.transport.is_closing():
                break
            if thread_time() - start > MOST_PARSING_SECONDS:
                self.abort()
                return
        if self._is_awaited:
            self._head.start()
        else:
            self._head.stop()

    def on_response_complete(self) -> None:
        """Start the time limit for the rest of a body that nobody reads."""
        self._is_known = self._is_known or self._has_caller
        self._registry.renew(self)
        super().on_response_complete()
        if self._is_awaited and self.conn.their_state is h11.SEND_BODY:
            self._head.start()
        self._limit_close()

    def pause_writing(self) -> None:
        """Start the time limit for reading."""
        super().pause_writing()
        self._reading.start()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._reading.stop()
        self._limit_close()

    def timeout_keep_alive_handler(self) -> None:
        """Close, but do not wait for ever for the client to read the rest."""
        super().timeout_keep_alive_handler()
        self._limit_close()

    def send_400_response(self, msg: str) -> None:
        """As :meth:`timeout_keep_alive_handler`."""
        super().send_400_response(msg)
        self._limit_close()

    def shutdown(self) -> None:
        """As :meth:`timeout_keep_alive_handler`."""
        super().shutdown()
        self._limit_close()

    @property
    def _is_awaited(self) -> bool:
        """Whether the client has to send something that no request in progress waits for."""
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _limit_close(self) -> None:
        if self.transport.is_closing():
            self._reading.start()


def _unmapped(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """The IPv4 address of a client that came to a socket of both families, ``::ffff:10.0.0.5``."""
    if client is None or "." not in client[0]:
        return client
    return client[0].removeprefix("::ffff:"), client[1]
