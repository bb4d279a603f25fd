"""The nearest rows of one segment that pass a mask, exactly.

All rows are scanned for some more than are wanted, and the mask drops a few of them: 1.0 to 1.2 times the time of a
scan without a mask. faiss's own selector is asked row by row, which takes up to twice as long, so it is used only
where so many rows are masked that a scan of all rows would have to be too deep, or has found too few.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import faiss
import numpy as np

from app.neighbours.snapshot import Segment

FLOAT32_SLACK = 1e-5
"""More than float32's error of a product of two unit rows at D = 1,024 (measured below 1e-6)."""
SURPLUS = 1.5
"""How many more rows than expected a scan of all rows asks for, since the rows near a query may pass less often."""
MAX_DEPTH = 2048
"""A scan for more rows than this takes over 1.2 times as long."""


class NearestRows(NamedTuple):
    """Places of rows in a segment, nearest first.

    Shape:
        places: (C,) int64
    """

    places: np.ndarray
    ceiling: float
    """No row that passes the mask and is not among these has a similarity above it; -inf when there is none."""


class Scan(NamedTuple):
    """The rows of a scan by text, nearest first, with their inner products.

    Shape:
        places: (C,) int64; products: (C,) float32
    """

    places: np.ndarray
    products: np.ndarray


def nearest_rows(segment: Segment, mask: np.ndarray, query: np.ndarray, wanted: int) -> NearestRows:
    """The ``wanted`` rows that pass the mask and are nearest, or all of them where there are fewer.

    Shape:
        mask: (N,) bool; query: (D,) float16, a unit row
    """
    allowed = int(np.count_nonzero(mask))
    wanted = min(wanted, allowed)
    found = scan_text(segment, mask, query, wanted)
    if wanted in (0, allowed):
        return NearestRows(found.places, -np.inf)
    return NearestRows(found.places, _ceiling(float(found.products[-1]), query, segment.norm_slack))


def scan_text(segment: Segment, mask: np.ndarray, query: np.ndarray, wanted: int) -> Scan:
    """The ``wanted`` rows that pass the mask and have the largest products; at least so many have to pass.

    Shape:
        mask: (N,) bool; query: (D,) float16, a unit row
    """
    if wanted == 0:
        return Scan(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    depth = _depth(len(segment), int(np.count_nonzero(mask)), wanted)
    if depth is not None:
        places, products = _scan(segment, query, depth, None)
        passing = mask[places]
        places, products = places[passing][:wanted], products[passing][:wanted]
    if depth is None or len(places) < wanted:
        places, products = _scan(segment, query, wanted, np.packbits(mask, bitorder="little"))
    return Scan(places, products)


def _depth(rows: int, allowed: int, wanted: int) -> int | None:
    """How many rows to ask a scan of all rows for; None where that would be too many.

    Where few rows are masked (a patient's), they and the wanted ones are certain to be enough.
    """
    certain = wanted + rows - allowed
    likely = int(SURPLUS * wanted * rows / allowed) + 1
    depth = min(certain, likely) if certain > MAX_DEPTH else certain
    return depth if depth <= max(MAX_DEPTH, 2 * wanted) else None


def _scan(segment: Segment, query: np.ndarray, depth: int, packed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Places of the ``depth`` nearest rows, and their products; ``packed`` holds a bit a row, None for all."""
    selector = None if packed is None else faiss.IDSelectorBitmap(packed)  # type: ignore[call-arg, arg-type]
    parameters = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
    with _one_thread():
        products, places = segment.index.search(query.astype(np.float32)[None], depth, params=parameters)
    return places[0], products[0]


@contextmanager
def _one_thread() -> Iterator[None]:
    """faiss shares the queries among threads; for one query it would only wait for idle ones (measured: 20 ms)."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # of the calling thread, and of faiss's own OpenMP: torch has another
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _ceiling(product: float, query: np.ndarray, norm_slack: float) -> float:
    """The highest cosine of a row whose product with the query is at most this; its norm is 1 but for the slack."""
    length = float(np.linalg.norm(query.astype(np.float64)))
    if norm_slack >= 1.0 or length == 0.0:
        return np.inf
    widened = (product + FLOAT32_SLACK) / length
    return widened / (1 - norm_slack) if widened > 0 else widened / (1 + norm_slack)
