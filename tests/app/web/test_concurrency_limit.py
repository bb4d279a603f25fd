"""What one key, and all of them together, may hold at a time."""

from contextlib import ExitStack

import pytest

from app.errors import Overloaded, RateLimited
from app.web.concurrency_limit import ConcurrencyLimit


def test_a_key_beyond_its_own_limit_keeps_out_nobody_else() -> None:
    """And what ends, also by an error, frees its place."""
    limit = ConcurrencyLimit("streams", most=5, most_by_key=2)
    with ExitStack() as held:
        for who in ("a", "a", "b"):
            held.enter_context(limit.hold(who))
        with pytest.raises(RateLimited, match="the access key has 2 streams open, its limit"), limit.hold("a"):
            pass
        held.enter_context(limit.hold("b"))
    with pytest.raises(KeyError), limit.hold("a"), limit.hold("a"):
        raise KeyError
    with limit.hold("a"), limit.hold("a"):
        pass


def test_all_keys_together_have_a_limit() -> None:
    """Many keys would pass it otherwise."""
    limit = ConcurrencyLimit("files of jobs", most=3, most_by_key=2)
    with (
        limit.hold("a"),
        limit.hold("b"),
        limit.hold("c"),
        pytest.raises(Overloaded, match="3 files of jobs are open already"),
        limit.hold("d"),
    ):
        pass
