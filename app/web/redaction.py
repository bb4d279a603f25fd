"""Remove neighbours, and text of stored notes, from answers to callers without the scope for them."""

from collections.abc import Sequence
from typing import TypeVar

from app.access.caller import Visit
from app.access.scopes import Scope
from app.coding.schemas import PredictRequest
from icd_coder_client.coding import PredictAnswer
from icd_coder_client.neighbours import Neighbour, NeighboursAnswer

NO_NEIGHBOURS = "the access key has no scope 'neighbours': the answer has none"
NO_EVIDENCE = "the access key has no scope 'text': the evidence in a stored note is left out"
NO_SNIPPETS = "the access key has no scope 'text': the neighbours have no snippet"

Note = TypeVar("Note", bound=Neighbour)


def permitted(request: PredictRequest, visit: Visit) -> tuple[PredictRequest, list[str]]:
    """The request reduced to the scopes of the caller, and a warning for each reduction.

    Raises:
        MissingScope: it names a stored note, which the caller may not read.
    """
    visit.require_stored(request.note_id)
    changes: dict[str, object] = {}
    warnings = []
    if request.neighbours and not visit.reads_notes:
        changes["neighbours"] = 0
        warnings.append(NO_NEIGHBOURS)
    if request.note_id is not None and request.explain != "none" and not visit.may(Scope.TEXT):
        changes["explain"] = "none"
        warnings.append(NO_EVIDENCE)
    return request.model_copy(update=changes), warnings


def visible_prediction(answer: PredictAnswer, visit: Visit, warnings: Sequence[str]) -> PredictAnswer:
    """The answer with the warnings, and without snippets for a caller without the scope text."""
    neighbours, withheld = _without_snippets(answer.neighbours, visit)
    return answer.model_copy(
        update={"neighbours": neighbours, "warnings": [*answer.warnings, *warnings, *withheld]},
    )


def visible_neighbours(answer: NeighboursAnswer, visit: Visit) -> NeighboursAnswer:
    """As :func:`visible_prediction`."""
    neighbours, withheld = _without_snippets(answer.neighbours, visit)
    return answer.model_copy(update={"neighbours": neighbours, "warnings": [*answer.warnings, *withheld]})


def _without_snippets(neighbours: list[Note], visit: Visit) -> tuple[list[Note], list[str]]:
    if visit.may(Scope.TEXT) or all(note.snippet is None for note in neighbours):
        return neighbours, []
    return [note.model_copy(update={"snippet": None}) for note in neighbours], [NO_SNIPPETS]
