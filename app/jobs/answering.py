"""Code one item of a job; the result is an answer without the text of the note, or a problem."""

import json
from collections.abc import Callable

import structlog
from pydantic import BaseModel, ValidationError

from app.coding.service import CodingService
from app.errors import AbandonedItem, TryLater
from app.jobs.repository import Outcome, WaitingItem
from app.jobs.schemas import JobRequest
from app.logs import error_fields
from app.problem_table import problem_of
from icd_coder_client.coding import PredictAnswer
from model.errors import IcdCoderError, MalformedInput

OK, NOT_NOW = 200, 503


async def answer_item(item: WaitingItem, coding: CodingService, begin: Callable[[], None]) -> Outcome:
    """Code the note when no request is waiting.

    Args:
        begin: called in the worker thread before the note is coded.

    Raises:
        TryLater: it cannot be coded now and has to be tried again.
    """
    try:
        request = _request(item)
        answer = await coding.predict(request, reads_notes=request.reads_notes, low_priority=True, on_start=begin)
    except IcdCoderError as error:
        problem = problem_of(error)
        if problem.status == NOT_NOW:
            raise TryLater(f"the item cannot be coded now ({type(error).__name__})") from None
        return Outcome(_json(problem), True, problem.status)
    except Exception as error:  # noqa: BLE001 - one failing note must not stop the others
        log = structlog.get_logger().bind(request_id=item.request_id)
        log.error("unexpected error in a job", job=item.job_id, line=item.sequence, **error_fields(error))
        problem = problem_of(error)
        return Outcome(_json(problem), True, problem.status)
    return Outcome(_json(without_text(answer)), False, OK)


def abandon(item: WaitingItem) -> Outcome:
    """The problem of an item that is not tried again, because a process ended while coding it."""
    error = AbandonedItem(
        "the service ended while this note was coded, so it is not tried again: send it as a job of its own, and "
        "where the service ends again leave it out"
    )
    structlog.get_logger().error("a job's note is given up", job=item.job_id, line=item.sequence)
    problem = problem_of(error)
    return Outcome(_json(problem), True, problem.status)


def without_text(answer: PredictAnswer) -> PredictAnswer:
    """The answer without the text of the note, and without neighbours and timings, which differ between runs."""
    codes = [
        code.model_copy(
            update={"evidence": [span.model_copy(update={"text": "", "section": None}) for span in code.evidence]}
        )
        for code in answer.codes
    ]
    return answer.model_copy(update={"codes": codes, "neighbours": [], "timings_ms": {}})


def _request(item: WaitingItem) -> JobRequest:
    try:
        return JobRequest.model_validate_json(item.request)
    except ValidationError:
        pass
    # Raised outside of the except block: the error of pydantic holds the note.
    raise MalformedInput("the item was stored by another version of icd-coder: send it again")


def _json(result: BaseModel) -> str:
    """JSON in ASCII, so that no character of a string can be read as a line end."""
    return json.dumps(result.model_dump(mode="json", exclude_none=True))
