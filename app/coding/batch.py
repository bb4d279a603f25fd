"""Request of ``POST /v1/predict/batch``; each item gets its own answer or its own problem."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from app.coding.schemas import PredictRequest
from app.problem_table import shape_problem
from app.wire import EXAMPLE_NOTE
from icd_coder_client.answer import Problem, Strict


@dataclass(frozen=True)
class InvalidItem:
    """An item that is not a valid prediction request, with the problem to return for it."""

    problem: Problem


def read_item(value: Any) -> PredictRequest | InvalidItem:
    """One item, or its problem: a wrong item must not lose the answers of the others."""
    try:
        return PredictRequest.model_validate(value)
    except ValidationError as error:
        return InvalidItem(shape_problem(error.errors(include_input=False, include_url=False)))


def _unread(value: Any, _read: ValidatorFunctionWrapHandler) -> Any:
    """The item as it is: it is read by :func:`read_item` when the number of items is known to be allowed, because a
    million wrong ones take most of a minute."""
    return value


class BatchRequest(Strict):
    """Body of ``POST /v1/predict/batch``."""

    items: list[Annotated[PredictRequest, WrapValidator(_unread)]] = Field(
        min_length=1, description="Notes; the service's max_batch is the limit."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"text": EXAMPLE_NOTE, "subject_id": "10006"}, {"note_id": "142345", "top_k": 5}]}]
        }
    )
