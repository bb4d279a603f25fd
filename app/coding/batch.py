"""Request of ``POST /v1/predict/batch``; each item gets its own answer or its own problem."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, InstanceOf, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import SkipJsonSchema

from app.coding.schemas import PredictRequest
from app.problem_table import shape_problem
from app.wire import EXAMPLE_NOTE
from icd_coder_client.answer import Problem, Strict


@dataclass(frozen=True)
class InvalidItem:
    """An item that is not a valid prediction request, with the problem to return for it."""

    problem: Problem


def _parse_or_problem(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    """Parse one item, or keep its problem, because pydantic would refuse the whole batch."""
    try:
        return parse(value)
    except ValidationError as error:
        return InvalidItem(shape_problem(error.errors(include_input=False, include_url=False)))


Item = Annotated[PredictRequest, WrapValidator(_parse_or_problem)] | SkipJsonSchema[InstanceOf[InvalidItem]]


class BatchRequest(Strict):
    """Body of ``POST /v1/predict/batch``."""

    items: list[Item] = Field(min_length=1, description="Notes; the service's max_batch is the limit.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"text": EXAMPLE_NOTE, "subject_id": "10006"}, {"note_id": "142345", "top_k": 5}]}]
        }
    )
