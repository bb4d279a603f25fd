"""One connection to the service: sends, waits when it is asked to, and turns problems into exceptions."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from icd_coder_client.errors import (
    AccessRefused,
    InvalidArgument,
    NotNow,
    ReceivedProblem,
    RequestRefused,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
)

Answer = TypeVar("Answer", bound=BaseModel)
JSON = "application/json"
CSV = "text/csv"
JSON_LINES = "application/x-ndjson"
LONGEST_WAIT = 60
"""Longest wait in seconds before a retry, even if the service asks for more."""


class Connection:
    """Sends requests to one address, with one key.

    Proxies and passwords in the environment are ignored, so that notes go to the named server only, and a redirect is
    an error. A request is sent again when the service answers 429 or 503 and says when.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        seconds: float,
        attempts: int,
        transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None],
    ) -> None:
        self.url = require_address(url)
        self.attempts = attempts
        self.sleep = sleep
        self._http = httpx.Client(
            base_url=self.url,
            headers={} if key is None else {"Authorization": f"Bearer {_valid_key(key)}"},
            timeout=seconds,
            trust_env=False,
            verify=ssl.create_default_context(),
            transport=transport,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to a request; fields of ``body`` and ``query`` that are None are left out."""
        if body is not None:
            content, headers = _as_json(_given(body)), {"Content-Type": JSON}
        response = self._patiently(method, path, params=_query(query), content=content, headers=headers)
        return self.parse(response.content, path, kind)

    @staticmethod
    def parse(content: bytes | str, path: str, kind: type[Answer]) -> Answer:
        """An answer; fields that a later version added are ignored.

        Raises:
            ServiceFailed: it has another form.
        """
        try:
            return kind.model_validate_json(content, extra="ignore")
        except ValidationError:
            detail = f"the answer to {path} has an unexpected form: is the server of another version?"
        # Outside of the except block, because the original error can hold the answer.
        raise ServiceFailed(ReceivedProblem(status=200, detail=detail))

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The response to one attempt."""
        with self._errors():
            response = self._http.request(method, path, **options)
        if response.is_success:
            return response
        raise _as_error(response)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        """An answer to read bit by bit; an error can come after a part of it."""
        with self._errors(), self._http.stream("GET", path, params=_query(query), headers=headers) as response:
            if not response.is_success:
                response.read()
                raise _as_error(response)
            yield response

    def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        for _ in range(self.attempts - 1):
            try:
                return self.send(method, path, **options)
            except NotNow as error:
                if error.retry_after_seconds is None:
                    raise
                self.sleep(min(error.retry_after_seconds, LONGEST_WAIT))
        return self.send(method, path, **options)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            name = type(error).__name__
            raise ServiceUnreachable(
                f"no answer from '{self.url}' ({name}): check the address, and that the service runs"
            ) from None


def require_address(url: str) -> str:
    """The address without a trailing slash.

    Raises:
        InvalidArgument: it is not an http or https address, or it contains a password.
    """
    try:
        parsed = urlsplit(url)
        usable = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0 and "@" not in url
    except ValueError:
        usable = False
    if not usable:
        raise InvalidArgument("the server's address cannot be used: give one such as http://127.0.0.1:8000")
    return url.rstrip("/")


def _valid_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidArgument("this is not an access key: give what `icd-coder keys create` printed")
    return key


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _as_json(fields: Mapping[str, Any]) -> bytes:
    """UTF-8; half a surrogate pair is sent as it is, for an error of the codec here would hold the note."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _query(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The fields of a query; moments are written as in JSON."""
    return None if fields is None else TypeAdapter(dict[str, Any]).dump_python(_given(fields), mode="json")


def _as_error(response: httpx.Response) -> ServiceProblem:
    status = response.status_code
    try:
        problem = ReceivedProblem.model_validate_json(response.content)
    except ValidationError:  # a proxy's page
        problem = ReceivedProblem(status=status)
    wait = response.headers.get("retry-after", "")
    kind: type[ServiceProblem] = ServiceFailed
    if status in (401, 403):
        kind = AccessRefused
    elif status in (429, 503):
        kind = NotNow
    elif 400 <= status < 500:
        kind = RequestRefused
    return kind(problem, int(wait) if wait.isascii() and wait.isdigit() else None)
