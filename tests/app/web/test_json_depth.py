"""How deep and how large a body is, beside a walk through the parsed value."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.json_size import is_deeper, is_larger

VALUES = st.recursive(
    st.none() | st.text(alphabet='[]{},"\\ab'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner),
    max_leaves=8,
)


def depth_of(value: Any) -> int:
    """By recursion."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(value=VALUES, limit=st.integers(0, 6))
def test_the_depth_is_that_of_the_parsed_value(value: Any, limit: int) -> None:
    """Whatever brackets and quotes the strings hold."""
    assert is_deeper(json.dumps(value).encode(), limit) == (depth_of(value) > limit)


def test_a_body_that_is_no_json_takes_linear_time() -> None:
    """Two megabytes of quotes and backslashes, which a backtracking search would never end with."""
    assert is_deeper(b"[" * 1_000_000, 20)
    assert not is_deeper(b'{"' + b'\\"' * 1_000_000, 0 + 1)
    assert not is_deeper(b"[[" + b'\\"' * 1_000_000, 2)
    assert is_deeper(b"[[[" + b'\\"' * 1_000_000, 2)


def tokens_of(value: Any) -> int:
    """Brackets, commas between elements, and strings, by recursion."""
    if isinstance(value, dict):
        return 2 + max(len(value) - 1, 0) + len(value) + sum(map(tokens_of, value.values()))
    if isinstance(value, list):
        return 2 + max(len(value) - 1, 0) + sum(map(tokens_of, value))
    return int(isinstance(value, str))


@given(value=VALUES, most=st.integers(0, 12))
def test_the_size_is_that_of_the_parsed_value(value: Any, most: int) -> None:
    """Whatever commas, brackets and quotes the strings hold."""
    assert is_larger(json.dumps(value).encode(), most) == (tokens_of(value) > most)
