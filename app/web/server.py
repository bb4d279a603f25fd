"""Run the application with uvicorn until a signal."""

import asyncio
import gc
import math
import signal
import socket
import sys
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI

from app.settings import Settings
from app.web.active_bundle import exempt_from_collection
from app.web.connections import ConnectionLimits, Connections, descriptor_limit
from app.web.state import Readiness
from app.web.timed_protocol import TimedProtocol

TICK_SECONDS = 0.05
"""Interval of the checks for requests in flight during a stop."""
SWITCH_SECONDS = 0.001
"""Switch interval of the interpreter, so that threads which look up keys delay the event loop less than the default
of 5 ms."""
KERNEL_BACKLOG = 1024
"""Connections that wait in the kernel until the event loop accepts them."""


class AnnouncedServer(uvicorn.Server):
    """Logs the address of a given socket, which uvicorn does not, and stops in two steps."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, shutdown_seconds: int) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._shutdown_seconds = shutdown_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then log the address of each socket."""
        await super().startup(sockets)
        for bound in sockets or []:
            bound.listen(KERNEL_BACKLOG)  # asyncio sets it to the number of connections that it accepts at once
            host, port = bound.getsockname()[:2]
            address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            structlog.get_logger().info("serving", address=address, docs=f"{address}/docs")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for the requests in flight while probes are still answered, then close the port.

        uvicorn would close the port first.
        """
        start = asyncio.get_running_loop().time()
        self._readiness.stopping = True
        structlog.get_logger().info("stopping", in_flight=self._readiness.in_flight)
        while (elapsed := asyncio.get_running_loop().time() - start) < self._shutdown_seconds:
            if self.force_exit or (not self._readiness.in_flight and elapsed >= self._readiness.drain_seconds):
                break
            await asyncio.sleep(TICK_SECONDS)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(self._shutdown_seconds - elapsed))
        await super().shutdown(sockets)


def run(app: FastAPI, bound: socket.socket, settings: Settings) -> None:
    """Serve on a bound socket until Ctrl-C or SIGTERM, then finish the requests in flight."""
    sys.setswitchinterval(SWITCH_SECONDS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it has stopped
    # A variable for the whole state would keep a replaced bundle in memory.
    readiness: Readiness = app.state.active_bundle.now.readiness
    exempt_from_collection()
    try:
        AnnouncedServer(server_config(app, settings), readiness, settings.shutdown_seconds).run(sockets=[bound])
    finally:
        gc.unfreeze()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """The server with the settings' limits of connections, which no middleware sees.

    uvicorn's access log is off because it holds paths and queries; :class:`app.web.request_log.RequestLog` logs route
    templates.
    """
    limits = ConnectionLimits.within(descriptor_limit(), settings.max_connections, settings.max_connections_by_address)
    protocol = partial(
        TimedProtocol,
        connections=Connections(limits, settings.trusted_proxies),
        head_seconds=settings.head_seconds,
        send_seconds=settings.send_seconds,
    )
    return uvicorn.Config(
        app,
        http=protocol,  # type: ignore[arg-type] # called as a class is
        ws="none",
        backlog=limits.accepted_at_once,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        server_header=False,
    )
