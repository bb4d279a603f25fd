"""The nearest rows of a segment against a slow twin: masks of any share, ties, both kinds of scan."""

from collections.abc import Iterator

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.neighbours import segment_search
from app.neighbours.repository import EmbeddingRow
from app.neighbours.search import as_stored
from app.neighbours.segment_search import FLOAT32_SLACK, MAX_DEPTH, nearest_rows
from app.neighbours.snapshot import Segment, build_segment
from tests.app.neighbours.stores import unit_rows

DIMENSION = 8


def segment_of(vectors: np.ndarray) -> Segment:
    rows = (
        EmbeddingRow(place + 1, place + 1, f"n{place}", None, as_stored(vector)) for place, vector in enumerate(vectors)
    )
    return build_segment(rows, len(vectors), vectors.shape[1])


def cosines(segment: Segment, query: np.ndarray) -> np.ndarray:
    """(N,) float64."""
    wide, target = segment.vectors.astype(np.float64), query.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1) * np.linalg.norm(target)
    return np.divide(wide @ target, norms, out=np.zeros(len(wide)), where=norms > 0.0)


def require_exact(segment: Segment, mask: np.ndarray, query: np.ndarray, wanted: int) -> None:
    """As many as there can be, all passing, and none left out whose cosine is above the ceiling or clearly nearer."""
    found = nearest_rows(segment, mask, query, wanted)
    truth = cosines(segment, query)
    left = np.setdiff1d(np.flatnonzero(mask), found.places)
    assert len(found.places) == len(set(found.places.tolist())) == min(wanted, int(mask.sum()))
    assert mask[found.places].all()
    if len(left) == 0 or wanted == 0:
        assert found.ceiling == -np.inf or wanted > 0
        return
    assert truth[left].max() <= found.ceiling
    slack = 2 * (FLOAT32_SLACK + segment.norm_slack)
    assert found.ceiling <= truth[found.places].min() + slack
    assert truth[left].max() <= truth[found.places].min() + slack


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 400),
    share=st.sampled_from([0.0, 0.01, 0.1, 0.11, 0.5, 0.9, 0.99, 1.0]),
    wanted=st.integers(0, 450),
    copies=st.integers(0, 300),
    nearest_excluded=st.booleans(),
)
def test_nearest_rows_equal_the_slow_twin(
    seed: int, rows: int, share: float, wanted: int, copies: int, nearest_excluded: bool
) -> None:
    """Also with equal rows, rows without length, and masks that exclude just the rows around the query."""
    generator = np.random.default_rng(seed)
    vectors = unit_rows(rows, seed, DIMENSION)
    vectors[generator.integers(0, rows, size=copies)] = vectors[0]
    vectors[generator.integers(0, rows)] *= generator.integers(0, 2)
    segment = segment_of(vectors)
    query = as_stored(vectors[0] + generator.normal(scale=0.1, size=DIMENSION))
    mask = generator.random(rows) < share
    if nearest_excluded:
        mask = np.argsort(np.argsort(-cosines(segment, query))) >= (1 - share) * rows
    # Depths that only large segments reach: the scan of all rows must not have to find enough.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_search, "MAX_DEPTH", int(generator.choice([1, 20, MAX_DEPTH])))
        require_exact(segment, mask, query, wanted)


@pytest.fixture
def depths(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, bool]]]:
    """For each scan its depth, and whether it had a selector."""
    scans: list[tuple[int, bool]] = []
    scan = segment_search._scan

    def noted(
        segment: Segment, query: np.ndarray, depth: int, packed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        scans.append((depth, packed is not None))
        return scan(segment, query, depth, packed)

    monkeypatch.setattr(segment_search, "_scan", noted)
    return scans


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (20_000, [(42, False)]),
        (19_999, [(43, False)]),
        (16_000, [(79, False)]),
        (4_000, [(316, False)]),
        (2_000, [(631, False)]),
        (500, [(42, True)]),
        (30, [(30, True)]),
        (0, []),
    ],
)
def test_the_scan_fits_the_share(
    depths: list[tuple[int, bool]], allowed: int, expected: list[tuple[int, bool]]
) -> None:
    """All rows where many pass, and for as many more as will be dropped; a selector where that were too many."""
    segment = segment_of(unit_rows(20_000, 1, DIMENSION))
    mask = np.arange(20_000) < allowed
    require_exact(segment, mask, as_stored(unit_rows(1, 2, DIMENSION)[0]), 42)
    assert depths == expected


def test_a_query_among_excluded_rows_is_scanned_again(depths: list[tuple[int, bool]]) -> None:
    """Where the surplus does not suffice, the selector finds what is left."""
    segment = segment_of(unit_rows(20_000, 1, DIMENSION))
    query = as_stored(unit_rows(1, 2, DIMENSION)[0])
    mask = np.argsort(np.argsort(-cosines(segment, query))) >= 10_000
    require_exact(segment, mask, query, 42)
    assert depths == [(127, False), (42, True)]


def test_a_search_leaves_the_number_of_threads_as_it_was() -> None:
    """It belongs to whoever called."""
    before = faiss.omp_get_max_threads()
    segment = segment_of(unit_rows(5, 1, DIMENSION))
    nearest_rows(segment, np.ones(5, dtype=bool), as_stored(unit_rows(1, 2, DIMENSION)[0]), 2)
    assert faiss.omp_get_max_threads() == before
