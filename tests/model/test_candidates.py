"""Candidates: the outer join of what channels say."""

import numpy as np

from model.candidates import Channel, ChannelFeatures, join


def channel(name: str, columns: list[int], proposed: list[int] | None = None, width: int = 2) -> Channel:
    """Features 10 * column + number of the feature."""
    own = np.array(columns, dtype=np.int64)
    values = (10 * own[:, None] + np.arange(width)).astype(np.float32)
    names = tuple(f"{name}.{number}" for number in range(width))
    wanted = None if proposed is None else np.array(proposed, dtype=np.int64)
    return Channel(name, ChannelFeatures(own, values, names), wanted)


def test_equals_a_join_by_hand() -> None:
    """A code at a time: features where the channel has the code, NaN where not, and who proposed it."""
    random = np.random.default_rng(0)
    channels = [
        channel("a", sorted(random.choice(40, 12, replace=False).tolist())),
        channel("b", list(range(40)), sorted(random.choice(40, 5, replace=False).tolist()), width=1),
        channel("c", []),
        channel("d", sorted(random.choice(40, 20, replace=False).tolist()), []),
    ]
    found = join(channels)
    assert found.names == ("a.0", "a.1", "b.0", "c.0", "c.1", "d.0", "d.1", "spoke.a", "spoke.b", "spoke.c", "spoke.d")
    assert found.channels == ("a", "b", "c", "d")
    assert found.columns.tolist() == sorted({*channels[0].proposals.tolist(), *channels[1].proposals.tolist()})
    for column, row, spoke in zip(found.columns.tolist(), found.values, found.proposed_by, strict=True):
        expected: list[float] = []
        for each in channels:
            known = each.features.columns.tolist()
            width = len(each.features.names)
            own = each.features.values[known.index(column)].tolist() if column in known else [np.nan] * width
            expected += own
        flags = [column in each.proposals.tolist() for each in channels]
        assert spoke.tolist() == flags
        np.testing.assert_array_equal(row, np.array(expected + flags, dtype=np.float32))


def test_no_channel_has_no_candidates() -> None:
    """And an empty channel has its features all the same."""
    assert join([]).values.shape == (0, 0)
    assert join([channel("a", [])]).values.shape == (0, 3)
