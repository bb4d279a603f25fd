"""How many codes AttInGrad may explain, and until when: each costs backward passes of the encoder.

The budget belongs to the context of a request, as the stages of :mod:`model.stage_timing` do, so a coder need not know
who waits for it. Without a budget every code is explained.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class GradientBudget:
    """What one request may use, and what it has used."""

    most_codes: int
    may_go_on: Callable[[], bool]
    """Asked before each backward pass, in the thread that computes."""
    asked: int = 0
    ran: int = 0

    @property
    def left(self) -> int:
        """Codes that may still be explained."""
        return max(0, self.most_codes - self.ran)

    def spend(self, asked: int, ran: int) -> None:
        """Count the codes of one note."""
        self.asked += asked
        self.ran += ran

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an answer says where codes were left out."""
        if self.ran == self.asked:
            return ()
        return (f"attingrad ran for the first {self.ran} of {self.asked} codes: the others have attention",)


_budget: ContextVar[GradientBudget | None] = ContextVar("gradient budget", default=None)


def current_budget() -> GradientBudget | None:
    """The budget of this context."""
    return _budget.get()


@contextmanager
def use_budget(budget: GradientBudget) -> Iterator[None]:
    """Limit AttInGrad in the block."""
    before = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(before)
