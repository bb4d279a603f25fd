"""The budget of a note: what a pass may spend, and what does not count."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import thread_time

import pytest

from model.coder import Coder
from model.errors import NoteTooCostly
from model.processor_budget import check_budget, not_counted, processor_budget
from model.text.read_note import read_note
from tests.factories import NOTE, tiny_coder


def spend(seconds: float) -> None:
    """On the processor, not by waiting."""
    end = thread_time() + seconds
    while thread_time() < end:
        continue


def test_what_is_spent_ends_the_note() -> None:
    """The message names the limit; outside of the block there is none."""
    with processor_budget(0.01):
        check_budget()
        spend(0.02)
        with pytest.raises(NoteTooCostly, match=r"more than 0\.01 seconds"):
            check_budget()
    check_budget()


def test_the_encoder_does_not_count() -> None:
    """What was spent before it does."""
    with processor_budget(0.05):
        with not_counted():
            spend(0.1)
        check_budget()
        spend(0.06)
        with pytest.raises(NoteTooCostly), not_counted():
            pass


def test_without_a_limit_nothing_is_refused() -> None:
    """As for the command line."""
    with processor_budget(None):
        spend(0.01)
        check_budget()


@pytest.mark.parametrize("unit", ["no gout or ", "Gout. ", "[x] yes ", "&lt;p&gt;"])
def test_reading_stops_soon_after_its_budget(unit: str) -> None:
    """A text of a hundred times the budget is not read to its end."""
    text = unit * (400_000 // len(unit))
    started = thread_time()
    with pytest.raises(NoteTooCostly), processor_budget(0.02):
        _ = read_note(text).contexts
    spent = thread_time() - started
    _ = read_note(text).contexts
    assert spent < (thread_time() - started - spent)


@pytest.mark.parametrize("answer", [Coder.predict, Coder.embed])
def test_every_answer_of_a_coder_has_the_budget(
    tmp_path: Path, answer: Callable[[Coder, Sequence[str]], object]
) -> None:
    """Of one that has run out nothing is answered."""
    coder = tiny_coder(tmp_path / "bundle")
    with processor_budget(0.0), pytest.raises(NoteTooCostly):
        answer(coder, [NOTE])
