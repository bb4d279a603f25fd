"""Middleware that refuses, before authentication, a request with two lengths of its body (RFC 9112, 6.1), or with more
parameters than any route has.

Where a proxy believes Content-Length and this server Transfer-Encoding, the rest of the body would be read as the next
request, of another client. The connection is closed, as the RFC asks. FastAPI's time for unknown parameters grows with
the square of their number: 7,000 of them held up every other request for a second.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.problems import problem_response

REFUSAL = (
    400,
    "two-lengths",
    "the request has both Content-Length and Transfer-Encoding: send one of them",
)
MOST_PARAMETERS = 200
TOO_MANY_PARAMETERS = (
    422,
    "too-many-parameters",
    f"the address has more than {MOST_PARAMETERS} parameters: see /docs for those of the route",
)
LENGTH, CODING = b"content-length", b"transfer-encoding"


class MessageFraming:
    """Answers 400 to a request with both headers, and closes the connection; 422 to one with too many parameters."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            names = [name for name, _value in scope["headers"]]
            if CODING in names and LENGTH in names:
                await problem_response(*REFUSAL, headers={"Connection": "close"})(scope, receive, send)
                return
            if scope.get("query_string", b"").count(b"&") >= MOST_PARAMETERS:
                await problem_response(*TOO_MANY_PARAMETERS)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def announces_body(scope: Scope) -> bool:
    """Whether the headers of a request say that a body of at least one byte follows."""
    return any(name == CODING or (name == LENGTH and value.strip(b"0") != b"") for name, value in scope["headers"])
