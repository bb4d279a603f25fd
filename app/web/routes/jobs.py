"""``/v1/jobs``: many notes in one file, coded at low priority."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.errors import WrongContentType
from app.jobs.result_lines import csv_lines, json_lines
from app.jobs.schemas import JobLine, JobsQuery
from app.web.authorization import ByPredict, ByPredictOrAdmin
from app.web.content_negotiation import wanted_form
from app.web.dependencies import HeldStream, Jobs, ServiceReadiness
from app.web.job_events import progress_events
from app.web.problems import KEYED, documented
from icd_coder_client.connection import CSV, JSON_LINES
from icd_coder_client.jobs import JobDeleted, JobResult, JobsAnswer, JobStatus

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
SENT_AS = frozenset({JSON_LINES, "application/jsonl", "application/ndjson"})
ONE = documented(*KEYED, 404, 409, 422, 500, 503)
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="A word of your own: sent again with the same body, it finds the same job.",
    ),
]
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "JSON lines: a note a line.",
        "content": {JSON_LINES: {"schema": JobLine.model_json_schema()}},
    }
}


class JsonLines(StreamingResponse):
    """Sets the media type in the OpenAPI document."""

    media_type = JSON_LINES


@router.post(
    "",
    status_code=201,
    responses={200: {"model": JobStatus}, **documented(400, *KEYED, 408, 409, 413, 415, 422, 500, 503)},
    response_model_exclude_none=True,
    openapi_extra=FILE,
)
async def submit(sent: Request, key: IdempotencyKey, visit: ByPredict, jobs: Jobs, response: Response) -> JobStatus:
    """Hand notes in to be coded one after the other, each after all requests that wait; 200 for the same again."""
    if sent.headers.get("content-type", "").partition(";")[0].strip().lower() not in SENT_AS:
        raise WrongContentType(f"the file is not sent as JSON lines: set the header Content-Type: {JSON_LINES}")
    status, is_new = await jobs.submit(await sent.body(), key, visit)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{status.job_id}"
    return status


@router.get("", response_model_exclude_none=True, responses=documented(*KEYED, 409, 422, 500, 503))
async def page(query: Annotated[JobsQuery, Query()], visit: ByPredictOrAdmin, jobs: Jobs) -> JobsAnswer:
    """Your jobs, the latest first; those of everybody for a key with the scope admin."""
    return await jobs.page(query, visit)


@router.get("/{job_id}", response_model_exclude_none=True, responses=ONE)
async def read(job_id: JobId, visit: ByPredictOrAdmin, jobs: Jobs) -> JobStatus:
    """How far a job is."""
    return await jobs.read(job_id, visit)


async def _followed(job_id: JobId, visit: ByPredictOrAdmin, jobs: Jobs, _held: HeldStream) -> JobStatus:
    """The job's status; an unknown job is a 404, not a stream."""
    return await jobs.read(job_id, visit)


@router.get("/{job_id}/events", response_class=EventSourceResponse, responses=ONE)
async def events(
    status: Annotated[JobStatus, Depends(_followed)],
    visit: ByPredictOrAdmin,
    jobs: Jobs,
    readiness: ServiceReadiness,
) -> AsyncIterator[ServerSentEvent]:
    """The job's status as server-sent events, now and at each change; the last one is named end."""
    async for event in progress_events(status, visit, jobs, lambda: readiness.stopping):
        yield event


@router.post("/{job_id}/cancel", response_model_exclude_none=True, responses=ONE)
async def cancel(job_id: JobId, visit: ByPredictOrAdmin, jobs: Jobs) -> JobStatus:
    """End a job: what was coded stays, the texts that wait are erased."""
    return await jobs.cancel(job_id, visit)


@router.delete("/{job_id}", responses=ONE)
async def delete(job_id: JobId, visit: ByPredictOrAdmin, jobs: Jobs) -> JobDeleted:
    """Delete a job with its results; its Idempotency-Key is free again."""
    return await jobs.delete(job_id, visit)


@router.get(
    "/{job_id}/results",
    response_class=JsonLines,
    responses={200: {"model": JobResult, "content": {CSV: {"schema": {"type": "string"}}}}, **ONE},
)
async def results(
    job_id: JobId, visit: ByPredictOrAdmin, jobs: Jobs, sent: Request, _held: HeldStream
) -> StreamingResponse:
    """The results that there are, in the order of the file: a JobResult a line, or with `Accept: text/csv` a table."""
    rows = await jobs.results(job_id, visit)
    if wanted_form(sent.headers.getlist("accept"), (JSON_LINES, CSV)) == CSV:
        return StreamingResponse(csv_lines(rows), headers={"Vary": "Accept"}, media_type=f"{CSV}; header=present")
    return JsonLines(json_lines(rows), headers={"Vary": "Accept"})
