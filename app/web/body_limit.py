"""Middleware that refuses bodies which are compressed, too large, too slow, too deep or too complex, before parsing."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import nullcontext

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Overloaded, RateLimited
from app.json_size import MOST_TOKENS, is_deeper, is_larger
from app.web.authentication import who_asks
from app.web.concurrency_limit import MOST_UPLOADS, WAIT_SECONDS, ConcurrencyLimit
from app.web.message_framing import CODING, announces_body
from app.web.problems import HTTP_PROBLEMS, known_problem, problem_response

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
JOBS = "/v1/jobs"
"""The route that accepts the files of jobs."""
FILE_TOO_LARGE = ("body-too-large", "the file is larger than the service's max_job_bytes: send it as several jobs")
BODY_TOO_DEEP = (
    "body-too-deep",
    "the body's arrays and objects are nested deeper than the service's max_depth: send the shape of the route",
)
BODY_TOO_COMPLEX = (
    "body-too-complex",
    f"the body has more than {MOST_TOKENS} strings, commas and brackets: send the shape of the route, or parts of it",
)
UNWANTED = ("unwanted-body", "the route takes no body: send the request without one")
COMPRESSED = (
    "compressed-body",
    "the body is compressed: send it as it is, without the header Content-Encoding",
)
PROMPT_SECONDS = 1.0
"""A body that is not there by then is slow; untuned."""
GZIP = b"\x1f\x8b"
"""No text in UTF-8 begins so."""


class BodyLimit:
    """Reads the whole body before the application does.

    Answers 415 if the body is compressed, 413 as soon as it is too large, also if it is chunked, 408 if it is slow, and
    422 if it is nested too deeply or has too many values. The file of a job has its own size limit and is not checked
    for its shape here, because it is parsed line by line.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        seconds: float,
        max_depth: int,
        max_job_bytes: int = 0,
        max_uploads_by_key: int = 2,
        max_requests: int = 40,
        bodied: Sequence[BaseRoute] | None = None,
        bodiless: Sequence[BaseRoute] = (),
    ) -> None:
        """Around an application.

        Args:
            max_requests: in progress at a time; a quarter of them may wait for slow bodies of one key, half for those
                of all.
            bodied: routes that take a body; None: every one does. For no other request a body is read.
            bodiless: routes that take none: a request that announces one is refused; for unknown routes the
                application says that.
        """
        self.app = app
        self.bodied = bodied
        self.bodiless = bodiless
        self.uploads = ConcurrencyLimit("files of jobs", MOST_UPLOADS, max_uploads_by_key)
        self.slow = ConcurrencyLimit("slow bodies", max(1, max_requests // 2), max(1, max_requests // 4))
        self.max_body_bytes = max_body_bytes
        self.max_job_bytes = max_job_bytes
        self.max_depth = max_depth
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if announces_body(scope) and not self._takes_body(scope):
            # A body that nobody reads is dropped by the server as it comes, within head_seconds.
            refusal = problem_response(413, *UNWANTED) if _matches(self.bodiless, scope) else self.app
            await refusal(scope, _no_body, send)
            return
        is_job = scope["method"] == "POST" and scope.get("path") == JOBS
        try:
            with self.uploads.hold(who_asks(scope)) if is_job and self._may_be_large(scope) else nullcontext():
                await self._answer(scope, receive, send, is_job)
        except (RateLimited, Overloaded) as error:
            await known_problem(error, WAIT_SECONDS)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, is_job: bool) -> None:
        limit = self.max_job_bytes if is_job else self.max_body_bytes
        try:
            async with asyncio.timeout(self.seconds):
                messages = await self._read(scope, receive, limit)
        except TimeoutError:
            # Close the connection, because the rest of the body would be read as the next request.
            problem = problem_response(408, *HTTP_PROBLEMS[408], headers={"Connection": "close"})
            await problem(scope, receive, send)
            return
        if messages is None:
            too_large = FILE_TOO_LARGE if is_job else HTTP_PROBLEMS[413]
            await problem_response(413, *too_large)(scope, receive, send)
            return
        has_body = scope["method"] in WITH_BODY
        if has_body and _is_compressed(scope, messages):
            # RFC 9110, 15.5.16: the header of the answer names what would be read.
            await problem_response(415, *COMPRESSED, headers={"Accept-Encoding": "identity"})(scope, receive, send)
            return
        wrong = self._wrong_shape(messages) if has_body and not is_job else None
        if wrong is not None:
            await problem_response(422, *wrong)(scope, receive, send)
            return
        waiting = iter(messages)

        async def replay() -> Message:
            return next(waiting, None) or await receive()

        await _while_connected(self.app(scope, replay, send), receive)

    def _may_be_large(self, scope: Scope) -> bool:
        """Whether more may come than another request may send."""
        return _declared_length(scope) > self.max_body_bytes or any(name == CODING for name, _ in scope["headers"])

    def _takes_body(self, scope: Scope) -> bool:
        return self.bodied is None or _matches(self.bodied, scope)

    def _wrong_shape(self, messages: list[Message]) -> tuple[str, str] | None:
        body = b"".join(message.get("body", b"") for message in messages)
        if is_deeper(body, self.max_depth):
            return BODY_TOO_DEEP
        return BODY_TOO_COMPLEX if is_larger(body) else None

    async def _read(self, scope: Scope, receive: Receive, limit: int) -> list[Message] | None:
        """The messages of the body, or None if it is larger than the limit.

        Raises:
            RateLimited, Overloaded: it is slow, and the key or all keys have their most of slow ones: each keeps the
                place of a request, and a few dozen of one key would otherwise keep out everybody.
        """
        if _declared_length(scope) > limit:
            return None
        messages: list[Message] = []
        try:
            async with asyncio.timeout(PROMPT_SECONDS):
                return await _collected(receive, messages, limit)
        except TimeoutError:
            pass  # what has come stays in the list
        with self.slow.hold(who_asks(scope)):
            return await _collected(receive, messages, limit)


def takes_body(route: object) -> bool:
    """Whether a route of FastAPI takes a body: one that is parsed, or a file that only its description names."""
    is_file = "requestBody" in (getattr(route, "openapi_extra", None) or {})
    return is_file or getattr(route, "body_field", None) is not None


async def _while_connected(answering: Awaitable[None], receive: Receive) -> None:
    """Answer, but cancel as soon as the client disconnects, so that its note leaves the queue."""
    answer = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            answer.result()
    finally:
        gone.cancel()
        answer.cancel()
        await asyncio.wait({answer, gone})


async def _collected(receive: Receive, messages: list[Message], limit: int) -> list[Message] | None:
    """The messages with those that come until the body ends; None if it is larger than the limit."""
    size = sum(len(message.get("body", b"")) for message in messages)
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > limit:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _matches(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _is_compressed(scope: Scope, messages: list[Message]) -> bool:
    """Whether the body is encoded, by its header Content-Encoding or by its first bytes."""
    named = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
    if any(coding.strip().lower() not in (b"", b"identity") for coding in named.split(b",")):
        return True
    begin: bytes = messages[0].get("body", b"")
    return begin.startswith(GZIP)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
