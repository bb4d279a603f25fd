"""The client: a method for each route of the service."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Self, Unpack
from urllib.parse import quote

import httpx

from icd_coder_client.audit import AuditAnswer
from icd_coder_client.bundles import BundleLoaded, BundlesAnswer, NamedBundle
from icd_coder_client.catalogue import CodesAnswer
from icd_coder_client.coding import BatchAnswer, ModelAnswer, PredictAnswer
from icd_coder_client.connection import CSV, JSON_LINES, Connection
from icd_coder_client.errors import NotNow, ServiceUnreachable
from icd_coder_client.jobs import JobDeleted, JobResult, JobsAnswer, JobStatus
from icd_coder_client.neighbours import NeighboursAnswer, SimilarBy
from icd_coder_client.notes import NoteDeleted, NoteKept, StoredNote
from icd_coder_client.requests import (
    AssignedCode,
    Explain,
    JobLine,
    PredictOptions,
    PredictRequest,
    ReviewAction,
    System,
)
from icd_coder_client.reviews import ReviewKept, ReviewsAnswer

MOST_FAILED_POLLS = 60
"""Polls in a row that may fail, so that a restart of the service is waited for."""


class Client:
    """A client of one service. Use it as a context manager, from one thread at a time.

    Every method raises a kind of :class:`~icd_coder_client.ServiceProblem` when the service answers with an error, and
    :class:`~icd_coder_client.ServiceUnreachable` when there is no answer. A request is sent again when the service
    answers 429 or 503 and says when. Options that are left out have the service's defaults.

    Example::

        with Client("https://coder.example", key) as client:
            answer = client.predict("72 year old woman ...", subject_id="patient-17", top_k=5)
            for code in answer.codes:
                print(code.code, code.title, f"{code.probability:.0%}")
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
            transport: replaces the network, for tests or a proxy: an ``httpx.HTTPTransport`` with your options.
            sleep: waits some seconds.

        Raises:
            InvalidArgument: the address or the key is malformed.
        """
        self._connection = Connection(url, key, seconds, attempts, transport, sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def health(self) -> bool:
        """Whether the service can answer now."""
        try:
            self._connection.send("GET", "/readyz")
        except NotNow:
            return False
        return True

    def predict(self, text: str | None = None, **options: Unpack[PredictOptions]) -> PredictAnswer:
        """Ranked codes with evidence and similar notes, of a text or of the stored note ``note_id``."""
        return self._connection.ask("POST", "/v1/predict", PredictAnswer, {"text": text, **options})

    def predict_batch(self, notes: Sequence[PredictRequest]) -> BatchAnswer:
        """Code several notes; each result is an answer or a problem."""
        return self._connection.ask("POST", "/v1/predict/batch", BatchAnswer, {"items": notes})

    def neighbours(
        self,
        text: str | None = None,
        *,
        note_id: str | None = None,
        subject_id: str | None = None,
        neighbours: int | None = None,
        by: SimilarBy | None = None,
    ) -> NeighboursAnswer:
        """The most similar stored notes, by predicted codes, by text, or by both (the default)."""
        body = {"text": text, "note_id": note_id, "subject_id": subject_id, "neighbours": neighbours, "by": by}
        return self._connection.ask("POST", "/v1/neighbours", NeighboursAnswer, body)

    def audit(
        self,
        text: str | None = None,
        codes: Sequence[AssignedCode] | None = None,
        *,
        note_id: str | None = None,
        subject_id: str | None = None,
        explain: Explain | None = None,
    ) -> AuditAnswer:
        """Audit assigned codes: those given with a text, or those of a stored note."""
        body = {"text": text, "note_id": note_id, "subject_id": subject_id, "codes": codes, "explain": explain}
        return self._connection.ask("POST", "/v1/audit", AuditAnswer, body)

    def model(self) -> ModelAnswer:
        """The active bundle."""
        return self._connection.ask("GET", "/v1/model", ModelAnswer)

    def codes(
        self,
        q: str | None = None,
        *,
        system: System | None = None,
        category: str | None = None,
        policy: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> CodesAnswer:
        """A page of the codes of the bundle; ``q`` is looked for in titles and codes."""
        query = {
            "q": q,
            "system": system,
            "category": category,
            "policy": policy,
            "limit": limit,
            "offset": offset,
        }
        return self._connection.ask("GET", "/v1/codes", CodesAnswer, query=query)

    def store_note(
        self, note_id: str, text: str, codes: Sequence[AssignedCode], *, subject_id: str | None = None
    ) -> NoteKept:
        """Store a note with its assigned codes, in their order."""
        body = {"note_id": note_id, "text": text, "subject_id": subject_id, "codes": codes}
        return self._connection.ask("POST", "/v1/notes", NoteKept, body)

    def note(self, note_id: str) -> StoredNote:
        """A stored note."""
        return self._connection.ask("GET", _path("/v1/notes", note_id), StoredNote)

    def delete_note(self, note_id: str) -> NoteDeleted:
        """Delete a stored note with its codes, embeddings, codings and reviews."""
        return self._connection.ask("DELETE", _path("/v1/notes", note_id), NoteDeleted)

    def review(
        self,
        note_id: str,
        actions: Sequence[ReviewAction],
        *,
        reviewer: str | None = None,
        bundle_id: str | None = None,
    ) -> ReviewKept:
        """Accept, reject, add or reorder codes of a stored note."""
        body = {"note_id": note_id, "actions": actions, "reviewer": reviewer, "bundle_id": bundle_id}
        return self._connection.ask("POST", "/v1/reviews", ReviewKept, body)

    def reviews(
        self,
        *,
        note_id: str | None = None,
        since: datetime | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> ReviewsAnswer:
        """A page of reviews; ``since`` has a time zone."""
        query = {"note_id": note_id, "since": since, "after": after, "limit": limit}
        return self._connection.ask("GET", "/v1/reviews", ReviewsAnswer, query=query)

    def export_reviews(self, target: BinaryIO, *, system: System | None = None) -> None:
        """Write the table of the reviewed notes (CSV in UTF-8) into ``target``; an error can leave it incomplete."""
        self._write("/v1/reviews/export", target, {"system": system}, {})

    def submit_job(self, notes: bytes | Iterable[JobLine], idempotency_key: str) -> JobStatus:
        """Submit notes as one job, or find the job that this key and the same notes made before.

        Args:
            notes: a file of JSON lines, or its lines.
            idempotency_key: chosen by you: 1 to 200 printable ASCII characters without spaces.
        """
        content = notes if isinstance(notes, bytes) else "".join(f"{json.dumps(note)}\n" for note in notes).encode()
        headers = {"Content-Type": JSON_LINES, "Idempotency-Key": idempotency_key}
        return self._connection.ask("POST", "/v1/jobs", JobStatus, content=content, headers=headers)

    def job(self, job_id: str) -> JobStatus:
        """The status of a job."""
        return self._connection.ask("GET", _path("/v1/jobs", job_id), JobStatus)

    def jobs(self, *, before: int | None = None, limit: int | None = None) -> JobsAnswer:
        """A page of jobs, the latest first."""
        return self._connection.ask("GET", "/v1/jobs", JobsAnswer, query={"before": before, "limit": limit})

    def wait_for_job(
        self, job_id: str, on_progress: Callable[[JobStatus], None] = lambda _: None, poll_seconds: float = 1.0
    ) -> JobStatus:
        """Wait until a job is done or cancelled, also through a restart of the service of about a minute.

        Args:
            on_progress: called with each status: ``done`` of ``total`` notes, ``failed`` of them.
            poll_seconds: pause between two requests.
        """
        failed = 0
        while True:
            try:
                status = self.job(job_id)
            except ServiceUnreachable:
                failed += 1
                if failed > MOST_FAILED_POLLS:
                    raise
            else:
                failed = 0
                on_progress(status)
                if status.ended:
                    return status
            self._connection.sleep(poll_seconds)

    def job_results(self, job_id: str) -> Iterator[JobResult]:
        """The results of a job that there are, in the order of its notes."""
        path = _path("/v1/jobs", job_id, "results")
        with self._connection.stream(path, None, {"Accept": JSON_LINES}) as response:
            for line in response.iter_lines():
                yield self._connection.parse(line, path, JobResult)

    def write_job_results(self, job_id: str, target: BinaryIO, *, as_table: bool = False) -> None:
        """Write the results of a job into ``target``, as JSON lines or CSV; an error can leave it incomplete."""
        self._write(_path("/v1/jobs", job_id, "results"), target, None, {"Accept": CSV if as_table else JSON_LINES})

    def cancel_job(self, job_id: str) -> JobStatus:
        """End a job and keep its results."""
        return self._connection.ask("POST", _path("/v1/jobs", job_id, "cancel"), JobStatus)

    def delete_job(self, job_id: str) -> JobDeleted:
        """Delete a job with its results."""
        return self._connection.ask("DELETE", _path("/v1/jobs", job_id), JobDeleted)

    def bundles(self) -> BundlesAnswer:
        """The registered bundles, and which one is active."""
        return self._connection.ask("GET", "/v1/bundles", BundlesAnswer)

    def register_bundle(self, name: str) -> NamedBundle:
        """Register a bundle by the name of its folder on the service's machine."""
        return self._connection.ask("POST", "/v1/bundles", NamedBundle, {"name": name})

    def name_bundle(self, alias: str, name: str) -> NamedBundle:
        """Point an alias to a registered bundle."""
        return self._connection.ask("PUT", _path("/v1/bundles/aliases", alias), NamedBundle, {"name": name})

    def load_bundle(self, bundle: str) -> BundleLoaded:
        """Load a registered bundle, by its name or alias, as the active one."""
        return self._connection.ask("POST", "/v1/bundles/load", BundleLoaded, {"bundle": bundle})

    def _write(
        self, path: str, target: BinaryIO, query: dict[str, System | None] | None, headers: dict[str, str]
    ) -> None:
        with self._connection.stream(path, query, headers) as response:
            for part in response.iter_bytes():
                target.write(part)


def _path(folder: str, name: str, *more: str) -> str:
    """An id may hold a slash and a blank."""
    return "/".join((folder, quote(name, safe=""), *more))
