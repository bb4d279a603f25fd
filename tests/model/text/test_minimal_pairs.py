"""The hand-made minimal pairs that judge negation and family history: written before any rule."""

import json
from collections import Counter
from pathlib import Path

PAIRS = json.loads((Path(__file__).parent / "minimal_pairs.json").read_text(encoding="utf-8"))


def test_the_suite_is_as_large_as_promised() -> None:
    """At least 60 distinct pairs over at least 20 codes, of every kind."""
    assert len({(pair["affirmed"], pair["other"]) for pair in PAIRS}) == len(PAIRS) >= 60
    assert len({(pair["system"], pair["code"]) for pair in PAIRS}) >= 20
    assert set(Counter(pair["kind"] for pair in PAIRS)) == {"negated", "family", "ruled out", "historical"}


def test_a_pair_differs() -> None:
    """Two texts, each of them words."""
    assert all(pair["affirmed"].strip() and pair["affirmed"] != pair["other"] for pair in PAIRS)
