"""Python client of the service; use the same version as the server.

Example::

    with Client("http://127.0.0.1:8000", key) as client:
        answer = client.predict(PredictRequest(text="72 year old woman ..."))
"""

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from app.audit.schemas import AuditAnswer, AuditRequest
from app.bundles.schemas import AliasRequest, BundleLoaded, BundlesAnswer, LoadRequest, NamedBundle, RegisterRequest
from app.catalogue.schemas import CodesAnswer, CodesQuery
from app.coding.schemas import ModelAnswer, PredictAnswer, PredictRequest
from app.jobs.schemas import JobDeleted, JobsAnswer, JobsQuery, JobStatus
from app.neighbours.schemas import NeighboursAnswer, NeighboursRequest
from app.notes.schemas import NoteDeleted, NoteKept, NoteRequest, StoredNote
from app.reviews.schemas import ExportQuery, ReviewKept, ReviewRequest, ReviewsAnswer, ReviewsQuery
from app.wire import CSV, JSON_LINES
from model.errors import IcdCoderError, InvalidOption, MissingInput

if TYPE_CHECKING:  # importing it would import the modules of the server
    from app.coding.batch import BatchAnswer, BatchRequest

Answer = TypeVar("Answer", bound=BaseModel)
JSON_BODY = {"Content-Type": "application/json"}
LONGEST_WAIT = 60
"""Longest wait in seconds before a retry, even if the service asks for more."""


class ReceivedProblem(BaseModel):
    """A problem (RFC 9457) as the service sent it."""

    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str = "the server gave no reason: see its log, or that of a proxy in front of it"


class ServiceProblem(IcdCoderError):
    """The service answered with an error; ``retry_after_seconds`` is None if it asked for no wait."""

    def __init__(self, problem: ReceivedProblem, retry_after_seconds: int | None = None) -> None:
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"the service answered {problem.status}: {problem.detail}")


class RequestRefused(ServiceProblem):
    """The request is invalid (4xx)."""


class AccessRefused(ServiceProblem):
    """The key is missing, invalid or lacks a scope (401, 403)."""


class NotNow(ServiceProblem):
    """The same request may succeed later (429, 503)."""


class ServiceFailed(ServiceProblem):
    """The service failed (other 5xx), or its answer has an unexpected form."""


class ServiceUnreachable(IcdCoderError):
    """No answer from the address, or not in time."""


class Client:
    """A client of one service. Use it as a context manager, from one thread at a time.

    Proxies and passwords in the environment are ignored, so that notes go to the named server only.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        seconds: float = 120,
        attempts: int = 5,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create the client without sending a request.

        Args:
            url: ``http://host:port`` or ``https://host``.
            key: an access key; None for a service without keys.
            seconds: timeout of one attempt.
            attempts: how often a request is sent if the service answers that it may succeed later.

        Raises:
            InvalidOption: the address or the key is malformed.
        """
        headers = {} if key is None else {"Authorization": f"Bearer {_valid_key(key)}"}
        self._url = require_address(url)
        self._http = httpx.Client(
            base_url=self._url,
            headers=headers,
            timeout=seconds,
            trust_env=False,
            verify=ssl.create_default_context(),
            transport=transport,
        )
        self._tries = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, NotNow) and error.retry_after_seconds is not None),
            stop=stop_after_attempt(attempts),
            wait=_asked_wait,
            sleep=sleep,
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def predict(self, request: PredictRequest) -> PredictAnswer:
        """Ranked codes with evidence and neighbours.

        Raises:
            ServiceProblem: one of its kinds, by status.
            ServiceUnreachable: no answer.
        """
        return self._ask("POST", "/v1/predict", PredictAnswer, request)

    def neighbours(self, request: NeighboursRequest) -> NeighboursAnswer:
        """The most similar stored notes. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/neighbours", NeighboursAnswer, request)

    def model(self) -> ModelAnswer:
        """The active bundle. Raises as :meth:`predict`."""
        return self._ask("GET", "/v1/model", ModelAnswer)

    def predict_batch(self, request: "BatchRequest") -> "BatchAnswer":
        """Code several notes; each result is an answer or a problem. Raises as :meth:`predict`."""
        from app.coding.batch import BatchAnswer

        return self._ask("POST", "/v1/predict/batch", BatchAnswer, request)

    def audit(self, request: AuditRequest) -> AuditAnswer:
        """Audit the assigned codes of a note. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/audit", AuditAnswer, request)

    def codes(self, query: CodesQuery) -> CodesAnswer:
        """A page of the codes of the bundle. Raises as :meth:`predict`."""
        return self._ask("GET", _with_query("/v1/codes", query), CodesAnswer)

    def store_note(self, request: NoteRequest) -> NoteKept:
        """Store a note with its assigned codes. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/notes", NoteKept, request)

    def note(self, note_id: str) -> StoredNote:
        """A stored note. Raises as :meth:`predict`."""
        return self._ask("GET", f"/v1/notes/{quote(note_id, safe='')}", StoredNote)

    def delete_note(self, note_id: str) -> NoteDeleted:
        """Delete a stored note with its codes, embeddings, codings and reviews. Raises as :meth:`predict`."""
        return self._ask("DELETE", f"/v1/notes/{quote(note_id, safe='')}", NoteDeleted)

    def review(self, request: ReviewRequest) -> ReviewKept:
        """Accept, reject, add or reorder codes of a stored note. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/reviews", ReviewKept, request)

    def reviews(self, query: ReviewsQuery) -> ReviewsAnswer:
        """A page of reviews. Raises as :meth:`predict`."""
        return self._ask("GET", _with_query("/v1/reviews", query), ReviewsAnswer)

    def export_reviews(self, query: ExportQuery, target: BinaryIO) -> None:
        """Stream the table of the reviewed notes, in UTF-8, into ``target``; an error can leave it incomplete.

        Raises:
            As :meth:`predict`.
        """
        self._stream(_with_query("/v1/reviews/export", query), target, {})

    def submit_job(self, file: bytes, idempotency_key: str) -> JobStatus:
        """Submit a file of JSON lines, or find the job that this key and file made before. Raises as :meth:`predict`.

        Args:
            idempotency_key: chosen by the caller: 1 to 200 printable ASCII characters without spaces.
        """
        headers = {"Content-Type": JSON_LINES, "Idempotency-Key": idempotency_key}
        return self._ask("POST", "/v1/jobs", JobStatus, content=file, headers=headers)

    def job(self, job_id: str) -> JobStatus:
        """The status of a job. Raises as :meth:`predict`."""
        return self._ask("GET", f"/v1/jobs/{quote(job_id, safe='')}", JobStatus)

    def jobs(self, query: JobsQuery) -> JobsAnswer:
        """A page of jobs, the latest first. Raises as :meth:`predict`."""
        return self._ask("GET", _with_query("/v1/jobs", query), JobsAnswer)

    def cancel_job(self, job_id: str) -> JobStatus:
        """End a job and keep its results. Raises as :meth:`predict`."""
        return self._ask("POST", f"/v1/jobs/{quote(job_id, safe='')}/cancel", JobStatus)

    def delete_job(self, job_id: str) -> JobDeleted:
        """Delete a job with its results. Raises as :meth:`predict`."""
        return self._ask("DELETE", f"/v1/jobs/{quote(job_id, safe='')}", JobDeleted)

    def job_results(self, job_id: str, target: BinaryIO, as_table: bool = False) -> None:
        """Stream the results of a job into ``target``, as JSON lines or as CSV; an error can leave it incomplete.

        Raises:
            As :meth:`predict`.
        """
        headers = {"Accept": CSV if as_table else JSON_LINES}
        self._stream(f"/v1/jobs/{quote(job_id, safe='')}/results", target, headers)

    def bundles(self) -> BundlesAnswer:
        """The registered bundles, and which one is active. Raises as :meth:`predict`."""
        return self._ask("GET", "/v1/bundles", BundlesAnswer)

    def register_bundle(self, name: str) -> NamedBundle:
        """Register a bundle by the name of its folder on the service's machine. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/bundles", NamedBundle, RegisterRequest(name=name))

    def name_bundle(self, alias: str, name: str) -> NamedBundle:
        """Point an alias to a registered bundle. Raises as :meth:`predict`."""
        path = f"/v1/bundles/aliases/{quote(alias, safe='')}"
        return self._ask("PUT", path, NamedBundle, AliasRequest(name=name))

    def load_bundle(self, bundle: str) -> BundleLoaded:
        """Load a registered bundle, by its name or alias, as the active one. Raises as :meth:`predict`."""
        return self._ask("POST", "/v1/bundles/load", BundleLoaded, LoadRequest(bundle=bundle))

    def health(self) -> bool:
        """Whether the service can answer now.

        Raises:
            ServiceUnreachable: no answer.
            ServiceProblem: an answer that this route does not give.
        """
        try:
            self._send("GET", "/readyz", None)
        except NotNow:
            return False
        return True

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        body: BaseModel | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] = JSON_BODY,
    ) -> Answer:
        if body is not None:
            content = body.model_dump_json(exclude_none=True).encode()
        response = self._tries(self._send, method, path, content, headers)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            problem = ReceivedProblem(
                status=response.status_code,
                detail=f"the answer to {path} has an unexpected form: is the server of another version?",
            )
            raise ServiceFailed(problem) from None  # the original error can hold the answer

    def _send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str] = JSON_BODY
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, content=content, headers=None if content is None else headers)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.status_code in (httpx.codes.OK, httpx.codes.CREATED):
            return response
        raise _as_error(response)

    def _stream(self, path: str, target: BinaryIO, headers: Mapping[str, str]) -> None:
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _as_error(response)
                for part in response.iter_bytes():
                    target.write(part)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: httpx.TransportError) -> ServiceUnreachable:
        return ServiceUnreachable(
            f"no answer from '{self._url}' ({type(error).__name__}): check the address, and that the service runs"
        )


def _with_query(path: str, query: BaseModel) -> str:
    """The path with the fields of the query; times and numbers are written as in JSON."""
    asked = query.model_dump(mode="json", exclude_none=True)
    return f"{path}?{urlencode(asked)}" if asked else path


def require_address(url: str) -> str:
    """The address without a trailing slash.

    Raises:
        InvalidOption: it is not an http or https address, or it contains a password.
    """
    try:
        parsed = urlsplit(url)
        usable = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0 and "@" not in url
    except ValueError:
        usable = False
    if not usable:
        raise InvalidOption("the server's address cannot be used: give one such as http://127.0.0.1:8000")
    return url.rstrip("/")


def read_key(path: Path) -> str:
    """Read the access key from a file.

    Raises:
        MissingInput: the file cannot be read.
        InvalidOption: the file does not contain a key.
    """
    try:
        return _valid_key(path.read_text(encoding="ascii", errors="replace").strip())
    except OSError as error:
        raise MissingInput(f"the key file '{path}' cannot be read ({error.strerror}): fix the path") from None


def _valid_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidOption("this is not an access key: give what `icd-coder keys create` printed")
    return key


def _asked_wait(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.retry_after_seconds if isinstance(error, ServiceProblem) else None
    return float(min(asked or 0, LONGEST_WAIT))


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
