"""The codes of a note after its reviews: a pure function of the codes that were assigned and of every action since."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from model.icd import Code


class ActionKind(StrEnum):
    """What a reviewer does to one code."""

    ACCEPT = "accept"
    REJECT = "reject"
    ADD = "add"
    REORDER = "reorder"


class Action(NamedTuple):
    """One step of a review."""

    kind: ActionKind
    code: Code
    position: int | None = None
    """Place in the list from 1, the end for a place behind it; needed by reorder, and may be given to add."""


def replay(assigned: Iterable[Code], actions: Iterable[Action]) -> list[Code]:
    """The list that the actions leave, in order of priority and without duplicates.

    It begins as the assigned codes. A code that is accepted or added stays where it is, or goes to the end, or to the
    position that was given; a rejected one leaves; one that is reordered moves, where it is in the list at all.
    """
    codes = list(dict.fromkeys(assigned))
    for action in actions:
        _apply(codes, action)
    return codes


def _apply(codes: list[Code], action: Action) -> None:
    there = action.code in codes
    if action.kind is ActionKind.REJECT:
        if there:
            codes.remove(action.code)
    elif action.position is None:
        if not there:
            codes.append(action.code)
    elif there or action.kind is not ActionKind.REORDER:
        if there:
            codes.remove(action.code)
        codes.insert(action.position - 1, action.code)
