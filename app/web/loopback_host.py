"""Middleware against DNS rebinding, for a service without access keys.

A web page can let its own domain name point to 127.0.0.1, and a browser on this machine then lets the scripts of the
page read the answers. The header Host still has the name of the page, so only loopback names are accepted.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.listening import is_loopback
from app.web.problems import problem_response

REFUSAL = (
    421,
    "foreign-host",
    "without access keys the service accepts loopback names only: send the request to 127.0.0.1 or localhost",
)


class LoopbackHost:
    """Refuses requests, on every path, whose header Host is not a loopback name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or not names_loopback(hosts[0]):
                await problem_response(*REFUSAL)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def names_loopback(host: str) -> bool:
    """Whether the value of a header Host, with or without a port, is a loopback name."""
    try:
        parsed = urlsplit(f"//{host}")
        return parsed.netloc == host and "@" not in host and parsed.port != 0 and is_loopback(parsed.hostname or "")
    except ValueError:
        return False
