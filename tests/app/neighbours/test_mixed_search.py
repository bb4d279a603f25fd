"""Search by text and codes together against a slow twin in float64, on both engines."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select

from app.database.column_types import VECTOR_TYPE
from app.database.engine import migrate, open_engine, write
from app.database.tables import Embedding, Note
from app.neighbours import mixed_search
from app.neighbours.index import NeighbourIndex, candidate_source
from app.neighbours.mixed_search import most_similar_rows
from app.neighbours.repository import EmbeddingRow
from app.neighbours.search import Excluded, Hit, SearchQuery, as_stored, search
from app.neighbours.snapshot import Segment, build_segment
from app.neighbours.sqlite_candidates import InProcessSource
from model.code_vectors import CodeVector
from model.errors import MalformedInput
from tests.app.neighbours.stores import EMBEDDING_ID, fill, random_codes, unit_rows
from tests.app.neighbours.test_search import EXCLUSIONS, passes
from tests.postgres_server import PostgresServer

DIMENSION = 16
SHARES = [0.0, 0.3, 0.9, 1.0]
Codes = Sequence[CodeVector | None]


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    return open_engine(migrated_url)


def query_of(seed: int, share: float) -> SearchQuery:
    codes = random_codes(20, seed, most=8)
    return SearchQuery(unit_rows(1, seed, DIMENSION)[0], next(each for each in codes if each is not None), share)


def found(engine: Engine, query: SearchQuery, k: int, excluded: Excluded | None = None) -> list[Hit]:
    with engine.connect() as connection:
        source = candidate_source(engine, EMBEDDING_ID, DIMENSION)
        return search(source, connection, query, k, excluded or Excluded())


def dense(codes: CodeVector | None, width: int = 64) -> np.ndarray:
    row = np.zeros(width)
    if codes is not None:
        row[codes.columns] = codes.values
    return row


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    norms = np.linalg.norm(left) * np.linalg.norm(right)
    return float(left @ right / norms) if norms > 0.0 else 0.0


def slow_search(
    vectors: np.ndarray, codes: Codes, query: SearchQuery, k: int, kept: Sequence[bool], names: Sequence[str]
) -> list[Hit]:
    """Every row, one at a time, then a sort."""
    text, hits = as_stored(query.text).astype(np.float64), []
    share = query.share if query.codes is not None and len(query.codes) else 0.0
    for place, row in enumerate(vectors.astype(VECTOR_TYPE).astype(np.float64)):
        if not kept[place]:
            continue
        by_text, mine = cosine(row, text), codes[place]
        by_codes = cosine(dense(mine), dense(query.codes))
        told = share > 0.0 and mine is not None and len(mine) > 0
        similarity = share * by_codes + (1.0 - share) * by_text
        predicted = share > 0.0 and place % 3 == 0
        hits.append(Hit(names[place], similarity, by_text, by_codes if told else None, predicted))
    return sorted(hits, key=lambda hit: (-round(hit.similarity, 12), hit.note_id))[:k]


def require_equal(hits: list[Hit], expected: list[Hit]) -> None:
    """The same notes in the same order, with the same numbers."""
    assert [hit.note_id for hit in hits] == [hit.note_id for hit in expected]
    assert [hit.similarity for hit in hits] == pytest.approx([hit.similarity for hit in expected], abs=1e-12)
    assert [hit.text_similarity for hit in hits] == pytest.approx([hit.text_similarity for hit in expected], abs=1e-12)
    assert [hit.codes_predicted for hit in hits] == [hit.codes_predicted for hit in expected]
    for hit, other in zip(hits, expected, strict=True):
        assert hit.code_similarity == (
            None if other.code_similarity is None else pytest.approx(other.code_similarity, abs=1e-12)
        )


@pytest.mark.parametrize("share", SHARES)
def test_search_equals_the_slow_twin(engine: Engine, share: float) -> None:
    """Whatever is excluded; rows without codes, without a vector of codes and identical rows are among them."""
    vectors, codes = unit_rows(300, 1, DIMENSION), random_codes(300, 2)
    for place in range(100, 160):
        vectors[place], codes[place] = vectors[7], codes[7]
    fill(engine, vectors, codes=codes)
    names = [f"n{place:05}" for place in range(300)]
    queries = [query_of(seed + 50, share) for seed in range(len(EXCLUSIONS))]
    queries[0] = SearchQuery(vectors[7], codes[7], share)
    for query, excluded in zip(queries, EXCLUSIONS, strict=True):
        kept = [passes(place, excluded) for place in range(300)]
        for k in (1, 12, 80, 400):
            require_equal(found(engine, query, k, excluded), slow_search(vectors, codes, query, k, kept, names))


@pytest.mark.parametrize("share", SHARES)
def test_both_engines_give_the_same_list(tmp_path: Path, postgres: PostgresServer, share: float) -> None:
    """Bit for bit, with hundreds of notes of the same codes and the same text, in an order of ids of its own."""
    urls = [f"sqlite:///{tmp_path}/a.sqlite3", postgres.new_database()]
    generator = np.random.default_rng(5)
    vectors, codes = unit_rows(1200, 2, DIMENSION), random_codes(1200, 3, columns=12, most=3)
    vectors[500:700] = vectors[7]
    for place in range(600, 800):
        codes[place] = codes[8]
    names = [f"n{place:05}" for place in generator.permutation(len(vectors))]
    engines = [open_engine(url) for url in urls]
    for url, engine in zip(urls, engines, strict=True):
        migrate(url)
        fill(engine, vectors, names, codes=codes)
    sources = [candidate_source(engine, EMBEDDING_ID, DIMENSION) for engine in engines]
    for turn in range(24):
        query = SearchQuery(vectors[turn % 10], codes[turn % 9], share) if turn % 2 else query_of(turn, share)
        lists = []
        for engine, source in zip(engines, sources, strict=True):
            with engine.connect() as connection:
                excluded = EXCLUSIONS[turn % len(EXCLUSIONS)]
                lists.append(search(source, connection, query, 1 + 3 * turn, excluded))
        assert lists[0] == lists[1]
    for engine in engines:
        engine.dispose()
    postgres.drop_database(urls[1])


@pytest.mark.parametrize("codes", [None, CodeVector.empty()], ids=["none", "empty"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_query_without_codes_is_by_text(engine: Engine, codes: CodeVector | None, share: float) -> None:
    """The answer is that of a search by text, and tells no similarity of codes."""
    fill(engine, unit_rows(60, 1, DIMENSION), codes=random_codes(60, 2))
    text = unit_rows(1, 9, DIMENSION)[0]
    hits = found(engine, SearchQuery(text, codes, share), 9)
    assert hits == found(engine, SearchQuery(text), 9)
    assert {(hit.code_similarity, hit.codes_predicted) for hit in hits} == {(None, False)}


def test_a_query_of_unknown_codes_finds_the_rest_by_text_and_id(engine: Engine) -> None:
    """Nobody has its codes: all similarities of codes are 0, or there is none."""
    vectors = unit_rows(60, 1, DIMENSION)
    fill(engine, vectors, codes=random_codes(60, 2))
    strange = CodeVector(np.array([50_000], dtype=np.int32), np.ones(1, dtype=np.float32))
    mixed = found(engine, SearchQuery(vectors[3], strange, 0.5), 9)
    assert [hit.note_id for hit in mixed] == [hit.note_id for hit in found(engine, SearchQuery(vectors[3]), 9)]
    alone = found(engine, SearchQuery(vectors[3], strange, 1.0), 9)
    assert [(hit.note_id, hit.similarity) for hit in alone] == [(f"n{place:05}", 0.0) for place in range(9)]
    assert all(hit.code_similarity in (None, 0.0) for hit in alone)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(engine: Engine, share: float) -> None:
    """Another is a mistake of the caller."""
    with pytest.raises(ValueError, match="share must be from 0 to 1"):
        found(engine, SearchQuery(unit_rows(1, 9, DIMENSION)[0], random_codes(1, 2)[0], share), 3)


def test_neighbours_tell_both_similarities(engine: Engine) -> None:
    """Where codes were read; else only the similarity itself."""
    vectors, codes = unit_rows(60, 1, DIMENSION), random_codes(60, 4)
    fill(engine, vectors, codes=codes)
    index = NeighbourIndex(engine, EMBEDDING_ID, DIMENSION, candidate_source(engine, EMBEDDING_ID, DIMENSION))
    query = query_of(3, 0.5)
    for neighbour, hit in zip(index.find(query, 60, Excluded()), found(engine, query, 60), strict=True):
        told = (neighbour.note_id, neighbour.similarity, neighbour.text_similarity, neighbour.code_similarity)
        assert told == hit[:4]
        assert neighbour.codes_predicted == (None if hit.code_similarity is None else hit.codes_predicted)
    for neighbour in index.find(SearchQuery(query.text), 60, Excluded()):
        assert (neighbour.text_similarity, neighbour.code_similarity, neighbour.codes_predicted) == (None, None, None)
    stored = index.stored("n00003")
    assert stored is not None
    mine = codes[3]
    assert (stored.codes is None) == (mine is None)
    assert stored.codes_predicted is True
    if mine is not None and stored.codes is not None:
        assert stored.codes.values.tobytes() == mine.values.tobytes()


def segment_of(vectors: np.ndarray, codes: Codes) -> Segment:
    rows = (
        EmbeddingRow(place + 1, place + 1, f"n{place:05}", None, as_stored(vector), codes[place], place % 3 == 0)
        for place, vector in enumerate(vectors)
    )
    return build_segment(rows, len(vectors), vectors.shape[1])


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 300),
    columns=st.sampled_from([2, 10, 60]),
    passing=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    share=st.sampled_from([0.01, 0.3, 0.5, 0.9, 1.0]),
    wanted=st.integers(0, 330),
    scanned=st.sampled_from([1, 5, 1024]),
    copies=st.integers(0, 200),
)
def test_rows_of_a_segment_equal_the_slow_twin(
    seed: int, rows: int, columns: int, passing: float, share: float, wanted: int, scanned: int, copies: int
) -> None:
    """As many as there can be, all passing; none is left out that is above the ceiling, or clearly more similar.

    However few are scanned by text.
    """
    generator = np.random.default_rng(seed)
    vectors, codes = unit_rows(rows, seed, 8), random_codes(rows, seed, columns)
    for place in generator.integers(0, rows, size=copies):
        vectors[place] = vectors[0]
        codes[place] = codes[generator.integers(0, min(rows, 3))]
    mine = next((each for each in random_codes(40, seed + 1, columns) if each is not None and len(each)), None)
    query = SearchQuery(as_stored(vectors[0] + generator.normal(scale=0.3, size=8)), mine, share)
    mask = generator.random(rows) < passing
    segment = segment_of(vectors, codes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed_search, "SCANNED", scanned)
        nearest = most_similar_rows(segment, mask, query, wanted)
    names = [f"n{place:05}" for place in range(rows)]
    truth = slow_search(segment.vectors, codes, query, rows, mask.tolist(), names)
    count = min(wanted, len(truth))
    places = {names[place] for place in nearest.places}
    assert len(places) == len(nearest.places) == count
    similarity = {hit.note_id: hit.similarity for hit in truth}
    left = [hit.similarity for hit in truth if hit.note_id not in places]
    if count and nearest.ceiling != -np.inf:
        assert max(left, default=-1.0) <= nearest.ceiling
        assert max(left, default=-1.0) <= min(similarity[name] for name in places) + 1e-2
    elif count:
        assert places == {hit.note_id for hit in truth[:count]}


@pytest.mark.parametrize("share", SHARES)
def test_a_search_follows_every_change(tmp_path: Path, share: float) -> None:
    """Notes come and go between searches, through merges of segments: always what the table says."""
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(url)
    engine = open_engine(url)
    vectors, codes = unit_rows(120, 1, DIMENSION), random_codes(120, 2)
    fill(engine, vectors, codes=codes)
    source, generator, number = InProcessSource(EMBEDDING_ID, DIMENSION), np.random.default_rng(3), 120
    for turn in range(30):
        with write(engine) as connection:
            notes = np.array(connection.scalars(select(Note.id)).all())
            gone = generator.choice(notes, size=min(len(notes) - 1, int(generator.integers(0, 15))), replace=False)
            connection.execute(delete(Note).where(Note.id.in_(gone.tolist())))
            for row, mine in zip(unit_rows(14, turn + 10, DIMENSION), random_codes(14, turn + 10), strict=True):
                number += 1
                new = {"note_id": f"n{number:05}", "split": "train", "source": "s", "text_hash": "0"}
                connection.execute(insert(Note).values(id=number + 1000, **new))
                connection.execute(
                    insert(Embedding).values(
                        note_id=number + 1000,
                        embedding_id=EMBEDDING_ID,
                        dimension=DIMENSION,
                        vector=row.astype(VECTOR_TYPE),
                        codes=mine,
                    )
                )
        query = query_of(turn, share)
        with engine.connect() as connection:
            hits = search(source, connection, query, 20, Excluded())
            columns = (Note.note_id, Embedding.vector, Embedding.codes)
            stored = connection.execute(select(*columns).join(Note, Embedding.note_id == Note.id)).all()
        expected = slow_search(
            np.stack([row.vector for row in stored]),
            [row.codes for row in stored],
            query,
            20,
            [True] * len(stored),
            [row.note_id for row in stored],
        )
        assert [hit.note_id for hit in hits] == [hit.note_id for hit in expected]
        assert [hit.similarity for hit in hits] == pytest.approx([hit.similarity for hit in expected], abs=1e-12)


def test_the_memory_of_a_snapshot_counts_the_codes(tmp_path: Path) -> None:
    """A code takes a column and a value, a row where it begins."""
    sizes = []
    for name, codes in (("a", None), ("b", random_codes(50, 2))):
        url = f"sqlite:///{tmp_path}/{name}.sqlite3"
        migrate(url)
        fill(open_engine(url), unit_rows(50, 1, DIMENSION), codes=codes)
        with open_engine(url).connect() as connection:
            sizes.append(InProcessSource(EMBEDDING_ID, DIMENSION).current(connection).bytes)
    assert sizes[1] - sizes[0] == 8 * sum(len(each) for each in random_codes(50, 2) if each is not None)


@pytest.mark.parametrize("column", [-1, 2**24])
def test_codes_of_no_code_set_are_named(column: int) -> None:
    """They would be addresses outside of the memory."""
    damaged = CodeVector(np.array([column], dtype=np.int32), np.ones(1, dtype=np.float32))
    with pytest.raises(MalformedInput, match="codes of the embedding 2 are none of a code set"):
        segment_of(unit_rows(3, 1, DIMENSION), [None, damaged, None])
