"""A service without keys answers to the names of this machine alone.

Any web page can have a name of its own point at 127.0.0.1 (DNS rebinding), and a browser on this machine then lets
its scripts read what they ask for. What they cannot choose is the header Host, which has the page's own name.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.listening import is_loopback
from app.web.problems import problem_response

REFUSAL = (
    421,
    "foreign-host",
    "without access keys the service answers to this machine's own names alone: ask 127.0.0.1 or localhost",
)


class LoopbackHost:
    """Refuses requests that were sent to another name than a loopback one, on every path."""

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
    """Whether a header Host, with or without a port, names this machine alone."""
    try:
        parsed = urlsplit(f"//{host}")
        return parsed.netloc == host and "@" not in host and parsed.port != 0 and is_loopback(parsed.hostname or "")
    except ValueError:
        return False
