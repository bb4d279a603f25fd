"""Running the application until a signal."""

import signal
import socket
import sys

import structlog
import uvicorn
from fastapi import FastAPI


class AnnouncedServer(uvicorn.Server):
    """Says where it listens, which uvicorn does not for a socket that it was given."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then log the address of each socket."""
        await super().startup(sockets)
        for bound in sockets or []:
            host, port = bound.getsockname()[:2]
            address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            structlog.get_logger().info("serving", address=address, docs=f"{address}/docs")


def run(app: FastAPI, bound: socket.socket, shutdown_seconds: int) -> None:
    """Serve on a bound socket until Ctrl-C or SIGTERM; requests in flight get their time.

    The server's access log stays off: ours names the route's template and never a query.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it has stopped
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=shutdown_seconds,
        server_header=False,
    )
    AnnouncedServer(config).run(sockets=[bound])
