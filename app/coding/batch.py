"""Several notes in one request: each has its answer or its problem, and none loses the others theirs."""

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from pydantic import ConfigDict, Field, InstanceOf, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import SkipJsonSchema

from app.access.caller import Visit
from app.coding.schemas import EXAMPLE_NOTE, PredictAnswer, PredictRequest
from app.logs import described
from app.neighbours.schemas import Strict
from app.web.problems import Problem, problem_of, shape_problem
from app.web.state import State
from app.web.visible import predict_visibly
from model.errors import IcdCoderError, InvalidOption


@dataclass(frozen=True)
class Misshapen:
    """An item that is no prediction request, with the problem that says so."""

    problem: Problem


def _or_misshapen(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    """Pydantic would refuse the whole batch for one item."""
    try:
        return parse(value)
    except ValidationError as error:
        return Misshapen(shape_problem(error.errors(include_input=False, include_url=False)))


Item = Annotated[PredictRequest, WrapValidator(_or_misshapen)] | SkipJsonSchema[InstanceOf[Misshapen]]


class BatchRequest(Strict):
    """Body of ``POST /v1/predict/batch``."""

    items: list[Item] = Field(min_length=1, description="Notes; the service's max_batch is the limit.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"text": EXAMPLE_NOTE, "subject_id": "10006"}, {"note_id": "142345", "top_k": 5}]}]
        }
    )


class BatchResult(Strict):
    """What came of one item: an answer or a problem."""

    answer: PredictAnswer | None = None
    problem: Problem | None = None


class BatchAnswer(Strict):
    """Answer of ``POST /v1/predict/batch``."""

    bundle_id: str
    results: list[BatchResult] = Field(description="In the order of the items.")
    failed: int = Field(description="Results that are problems.")


async def answer_batch(request: BatchRequest, visit: Visit, parts: State) -> BatchAnswer:
    """Code the items one after the other, so that a batch holds one place of the queue; each is logged by itself.

    Raises:
        InvalidOption: more items than max_batch, or than the key's rate limit ever allows; nothing was coded.
        RateLimited: more items than the key has left of its limit; nothing was coded.
    """
    if len(request.items) > parts.max_batch:
        raise InvalidOption(
            f"the batch has {len(request.items)} items, the limit is {parts.max_batch}: send it in parts"
        )
    parts.gate.charge(visit.caller, len(request.items) - 1)  # the request itself was counted at the gate
    results = [await _result(item, visit, parts) for item in request.items]
    failed = sum(result.problem is not None for result in results)
    return BatchAnswer(bundle_id=parts.coder.bundle_id, results=results, failed=failed)


async def _result(item: PredictRequest | Misshapen, visit: Visit, parts: State) -> BatchResult:
    if isinstance(item, Misshapen):
        return BatchResult(problem=item.problem)
    try:
        return BatchResult(answer=await predict_visibly(item, visit, parts))
    except IcdCoderError as error:
        return BatchResult(problem=problem_of(error))
    except Exception as error:  # noqa: BLE001 - whatever one note meets, the others have their answers
        log = structlog.get_logger().bind(request_id=visit.request_id)
        log.error("unexpected error in a batch", **described(error))
        return BatchResult(problem=problem_of(error))
