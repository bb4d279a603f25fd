"""One item of a job: its answer without a word of the note, or its problem."""

import json

import structlog
from pydantic import BaseModel, ValidationError

from app.coding.schemas import PredictAnswer, PredictRequest
from app.coding.service import CodingService
from app.errors import GivenUp, TryLater
from app.jobs.repository import Outcome, WaitingItem
from app.logs import described
from app.problem_table import problem_of
from model.errors import IcdCoderError, MalformedInput

OK, NOT_NOW = 200, 503


async def answer_item(item: WaitingItem, coding: CodingService) -> Outcome:
    """Code the note after all that are in a hurry.

    Raises:
        TryLater: it cannot be coded now, and will be.
    """
    try:
        answer = await coding.predict(_request(item), unhurried=True)
    except IcdCoderError as error:
        problem = problem_of(error)
        if problem.status == NOT_NOW:
            raise TryLater(f"the item cannot be coded now ({type(error).__name__})") from None
        return Outcome(_json(problem), True, problem.status)
    except Exception as error:  # noqa: BLE001 - whatever one note meets, the others are coded
        log = structlog.get_logger().bind(request_id=item.request_id)
        log.error("unexpected error in a job", job=item.job_id, line=item.sequence, **described(error))
        problem = problem_of(error)
        return Outcome(_json(problem), True, problem.status)
    return Outcome(_json(wordless(answer)), False, OK)


def give_up(item: WaitingItem, starts: int) -> Outcome:
    """The problem of an item that is not tried again."""
    error = GivenUp(
        f"the service has ended {starts} times in a row before this note was coded, so it is not tried again: if other "
        "notes are coded, something about this one may end it"
    )
    structlog.get_logger().error("a job's note is given up", job=item.job_id, line=item.sequence, starts=starts)
    problem = problem_of(error)
    return Outcome(_json(problem), True, problem.status)


def wordless(answer: PredictAnswer) -> PredictAnswer:
    """The answer without what it repeats of the note, and without what differs from run to run."""
    codes = [
        code.model_copy(
            update={"evidence": [span.model_copy(update={"text": "", "section": None}) for span in code.evidence]}
        )
        for code in answer.codes
    ]
    return answer.model_copy(update={"codes": codes, "neighbours": [], "timings_ms": {}})


def _request(item: WaitingItem) -> PredictRequest:
    try:
        return PredictRequest.model_validate_json(item.request)
    except ValidationError:
        pass
    # Outside of the library's error, which holds the note.
    raise MalformedInput("the item was stored by another version of icd-coder: send it again")


def _json(told: BaseModel) -> str:
    """In ASCII, so that no letter ends a line for a reader, and the same for the same answer."""
    return json.dumps(told.model_dump(mode="json", exclude_none=True))
