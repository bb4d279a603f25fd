"""The rows of one segment that are most similar by codes and text together, exactly.

The codes of all rows cost one sparse product. Of the texts only the nearest are scanned; what a row beyond them can
reach at most is known from its codes, and only the few rows that could reach enough are computed one by one.
"""

from heapq import nsmallest

import numpy as np

from app.neighbours.code_rows import cosines, products
from app.neighbours.search import SearchQuery
from app.neighbours.segment_search import FLOAT32_SLACK, NearestRows, nearest_rows, scan_text
from app.neighbours.snapshot import Segment
from model.code_vectors import CodeVector

SCANNED = 1024
"""Rows that are scanned by text: a scan for so many takes as long as one for ten."""
CHUNK = 4096
"""Rows whose texts are widened to float32 together."""


def most_similar_rows(segment: Segment, mask: np.ndarray, query: SearchQuery, wanted: int) -> NearestRows:
    """The ``wanted`` most similar rows that pass the mask, or all of them where there are fewer.

    Shape:
        mask: (N,) bool

    Args:
        query: its text a unit row in float16.
    """
    if query.codes is None:
        return nearest_rows(segment, mask, query.text, wanted)
    wanted = min(wanted, int(np.count_nonzero(mask)))
    if wanted == 0:
        return NearestRows(np.empty(0, dtype=np.int64), -np.inf)
    codes = products(segment.codes, query.codes)
    if query.share == 1.0:
        return NearestRows(_first_by_codes(segment, mask, codes, query.codes, wanted), -np.inf)
    places, similarities = _reaching(segment, mask, codes, query, wanted)
    first = _largest(similarities, wanted)
    ceiling = -np.inf if wanted == np.count_nonzero(mask) else float(similarities[first].min()) + _slack(segment)
    return NearestRows(places[first], ceiling)


def _reaching(
    segment: Segment, mask: np.ndarray, codes: np.ndarray, query: SearchQuery, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places and similarities in float32 of all rows that can be among the first, and of some others."""
    length = float(np.linalg.norm(query.text.astype(np.float64)))
    of_codes, of_text = np.float32(query.share), np.float32((1.0 - query.share) / (length or 1.0))
    scanned = min(max(wanted, SCANNED), int(np.count_nonzero(mask)))
    scan = scan_text(segment, mask, query.text, scanned)
    places, texts = scan
    unknown = mask.copy()
    unknown[places] = False
    left = int(np.count_nonzero(unknown))
    by_codes = _largest(np.where(unknown, codes, -np.inf), min(wanted, left))
    unknown[by_codes] = False
    places, texts = _extended(segment, query.text, places, texts, by_codes)
    least = _last(of_codes * codes[places] + of_text * texts, wanted) - np.float32(_slack(segment))
    reaching = unknown & (of_codes * codes + of_text * scan.products[-1] >= least)
    places, texts = _extended(segment, query.text, places, texts, np.flatnonzero(reaching))
    return places, of_codes * codes[places] + of_text * texts


def _extended(
    segment: Segment, query: np.ndarray, places: np.ndarray, texts: np.ndarray, more: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Further places, with the products of their texts."""
    return np.concatenate([places, more]), np.concatenate([texts, _text_products(segment, query, more)])


def _first_by_codes(
    segment: Segment, mask: np.ndarray, codes: np.ndarray, query: CodeVector, wanted: int
) -> np.ndarray:
    """The first places by (-cosine, note_id): many notes have the same codes, or none of the query's."""
    sharing = np.flatnonzero(mask & (codes > 0.0))
    if len(sharing) > wanted:
        near = sharing[codes[sharing] >= _last(codes[sharing], wanted) - FLOAT32_SLACK]
    else:
        near = sharing
    exact = cosines(segment.codes[near], query)
    order = sorted(zip((-exact).tolist(), segment.rows.note_ids[near], near.tolist(), strict=True))
    first = [place for _, _, place in order[:wanted]]
    if len(first) < wanted:
        others = np.flatnonzero(mask & (codes <= 0.0)).tolist()
        first += nsmallest(wanted - len(first), others, key=segment.rows.note_ids.__getitem__)
    return np.array(first, dtype=np.int64)


def _text_products(segment: Segment, query: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Inner products (C,) float32 of these rows with the query."""
    wide = query.astype(np.float32)
    parts = [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]
    found = [segment.vectors[part].astype(np.float32) @ wide for part in parts]
    return np.concatenate(found) if found else np.empty(0, dtype=np.float32)


def _slack(segment: Segment) -> float:
    """More than a similarity differs from its value in float32, where norms are taken for 1."""
    return 2 * FLOAT32_SLACK + 4.0 * segment.norm_slack if segment.norm_slack < 0.5 else np.inf


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the ``count`` largest values."""
    return np.argpartition(-values, count - 1)[:count] if count else np.empty(0, dtype=np.int64)


def _last(values: np.ndarray, count: int) -> float:
    """The smallest of the ``count`` largest values."""
    return float(np.partition(values, len(values) - count)[len(values) - count])
