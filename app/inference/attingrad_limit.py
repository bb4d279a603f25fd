"""Calls of the coder whose AttInGrad ends: at a limit of codes, in time for the deadline, or when nobody waits."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from app.inference.work_item import WorkItem
from model.evidence.gradient_budget import GradientBudget, use_budget
from model.prediction import CodedNote
from model.ranking.audit import AuditedNote

Explained = TypeVar("Explained", bound=CodedNote | AuditedNote)

DEADLINE_SHARE = 0.5
"""Part of the deadline in which AttInGrad must end, so that attention can explain the other codes; untuned."""
ALL_CODES = 1 << 30


def explaining(
    call: Callable[[], Explained], most_codes: int, deadline: float | None, low_priority: bool = False
) -> WorkItem[Explained]:
    """The call as work whose answer warns where AttInGrad ended before its codes.

    Args:
        most_codes: that AttInGrad explains; the others have attention.
        deadline: seconds from the note's arrival to its answer; None for no limit.
        low_priority: whether the time begins with the work instead.
    """

    def may_go_on() -> bool:
        seconds = item.seconds(with_queue=not low_priority)
        return (deadline is None or seconds < DEADLINE_SHARE * deadline) and not item.is_abandoned

    def run() -> Explained:
        budget = GradientBudget(most_codes, may_go_on)
        with use_budget(budget):
            answer = call()
        return replace(answer, warnings=(*answer.warnings, *budget.warnings)) if budget.warnings else answer

    item = WorkItem(run)
    return item
