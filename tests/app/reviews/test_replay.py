"""What a list of codes becomes under review, beside a slow twin that sorts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reviews.replay import Action, ActionKind, replay
from model.icd import Code

CODES = [Code("icd9cm", code) for code in ("038.9", "401.9", "428.0", "486", "V45.81")]
A, B, C, D, E = CODES
ACCEPT, REJECT, ADD, REORDER = ActionKind


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], [A, B]),
        ([Action(ACCEPT, A)], [A, B]),
        ([Action(ACCEPT, C)], [A, B, C]),
        ([Action(REJECT, A)], [B]),
        ([Action(REJECT, C)], [A, B]),
        ([Action(ADD, C)], [A, B, C]),
        ([Action(ADD, C, 1)], [C, A, B]),
        ([Action(ADD, A, 2)], [B, A]),
        ([Action(REORDER, B, 1)], [B, A]),
        ([Action(REORDER, A, 99)], [B, A]),
        ([Action(REORDER, C, 1)], [A, B]),
        ([Action(REJECT, A), Action(ACCEPT, A)], [B, A]),
        ([Action(REJECT, A), Action(REJECT, B)], []),
    ],
)
def test_a_list_after_its_actions(actions: list[Action], expected: list[Code]) -> None:
    """Each kind, for a code that is in the list and for one that is not."""
    assert replay([A, B, A], actions) == expected


def twin(assigned: Sequence[Code], actions: Sequence[Action]) -> list[Code]:
    """The same by places that are sorted: a moved code gets half a place before the one that it displaces."""
    places = {code: float(assigned.index(code)) for code in assigned}
    for kind, code, position in actions:
        if kind is REJECT:
            places.pop(code, None)
        elif position is not None and (kind is not REORDER or code in places):
            places.pop(code, None)
            places = numbered(places)
            places[code] = position - 1.5
        elif kind is not REORDER and code not in places:
            places[code] = float("inf")
        places = numbered(places)
    return list(places)


def numbered(places: dict[Code, float]) -> dict[Code, float]:
    """In their order, from 0."""
    return {code: float(place) for place, code in enumerate(sorted(places, key=places.__getitem__))}


actions = st.builds(
    lambda kind, code, position: Action(kind, code, position if kind in (ADD, REORDER) else None),
    st.sampled_from(ActionKind),
    st.sampled_from(CODES),
    st.integers(1, 7),
)


@given(st.lists(st.sampled_from(CODES)), st.lists(actions, max_size=30))
def test_replay_is_its_slow_twin(assigned: list[Code], done: list[Action]) -> None:
    """For any actions on any list; in two parts as at once."""
    expected = twin(assigned, done)
    assert replay(assigned, done) == expected
    half = len(done) // 2
    assert replay(replay(assigned, done[:half]), done[half:]) == expected
    assert len(set(expected)) == len(expected)
