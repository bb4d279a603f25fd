"""Exact search against a slow twin in float64, on both engines."""

import math
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, Insert, delete, insert, select

from app.database.column_types import VECTOR_TYPE
from app.database.engine import is_sqlite, migrate, open_engine, write
from app.database.tables import Embedding, Note
from app.neighbours.index import candidate_source
from app.neighbours.search import CandidateSource, Excluded, Hit, SearchQuery, as_stored, search
from app.neighbours.sqlite_candidates import InProcessSource
from model.errors import MalformedInput
from tests.app.neighbours.stores import EMBEDDING_ID, fill, unit_rows
from tests.postgres_server import PostgresServer

DIMENSION = 24
EXCLUSIONS = [
    Excluded(),
    Excluded(subjects=frozenset({"p1", "p3", "absent"})),
    Excluded(notes=frozenset({"n00000", "n00007", "absent"})),
    Excluded(frozenset({"p2"}), frozenset({"n00003"})),
    Excluded(frozenset({f"p{number}" for number in range(1, 10)})),
]


def source_of(engine: Engine, dimension: int = DIMENSION) -> CandidateSource:
    return candidate_source(engine, EMBEDDING_ID, dimension)


def found(engine: Engine, query: np.ndarray, k: int, excluded: Excluded, dimension: int = DIMENSION) -> list[Hit]:
    with engine.connect() as connection:
        return search(source_of(engine, dimension), connection, SearchQuery(query), k, excluded)


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    return open_engine(migrated_url)


def passes(place: int, excluded: Excluded) -> bool:
    """The rule by the patients of ``stores.fill``, one note at a time."""
    subject = f"p{place % 10}" if place % 10 else None
    return subject not in excluded.subjects and f"n{place:05}" not in excluded.notes


def slow_search(vectors: np.ndarray, query: np.ndarray, k: int, excluded: Excluded) -> list[Hit]:
    """Every row in Python floats, then a sort."""
    target = as_stored(query).tolist()
    hits = []
    for place, row in enumerate(vectors.astype(VECTOR_TYPE).tolist()):
        if passes(place, excluded):
            product = math.fsum(x * y for x, y in zip(row, target, strict=True))
            cosine = product / math.sqrt(math.fsum(x * x for x in row) * math.fsum(y * y for y in target))
            hits.append(Hit(f"n{place:05}", cosine, cosine))
    return sorted(hits, key=lambda hit: (-round(hit.similarity, 12), hit.note_id))[:k]


def test_search_equals_the_slow_twin(engine: Engine) -> None:
    """Same notes, same order, similarities within rounding, whatever is excluded."""
    vectors = unit_rows(300, 1, DIMENSION)
    fill(engine, vectors)
    for seed, excluded in enumerate(EXCLUSIONS):
        query = unit_rows(1, seed + 100, DIMENSION)[0]
        hits = found(engine, query, 12, excluded)
        expected = slow_search(vectors, query, 12, excluded)
        assert [hit.note_id for hit in hits] == [hit.note_id for hit in expected], excluded
        assert [hit.similarity for hit in hits] == pytest.approx([hit.similarity for hit in expected], abs=1e-12)


@pytest.mark.parametrize("towards", [0.0, 2.0], ids=["spread evenly", "all around the query"])
def test_excluded_notes_do_not_crowd_out_others(engine: Engine, towards: float) -> None:
    """Wherever they lie: a scan that finds too few other notes among the nearest is followed by one that finds all."""
    vectors = unit_rows(1500, 1, DIMENSION)
    query = unit_rows(1, 2, DIMENSION)[0]
    vectors[3::10] += towards * query  # the patient "p3"
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fill(engine, vectors)
    for excluded in EXCLUSIONS:
        hits = found(engine, query, 3, excluded)
        assert [hit.note_id for hit in hits] == [hit.note_id for hit in slow_search(vectors, query, 3, excluded)]


@pytest.mark.parametrize("dimension", [24, 768, 1024])
def test_both_engines_give_the_same_list(tmp_path: Path, postgres: PostgresServer, dimension: int) -> None:
    """Ids, order and similarities, bit for bit; with near and exact duplicates among the rows."""
    urls = [f"sqlite:///{tmp_path}/a.sqlite3", postgres.new_database()]
    generator = np.random.default_rng(5)
    vectors = unit_rows(1500, 2, dimension)
    vectors[500:800] = vectors[7]
    vectors[800:1100] = vectors[7] + generator.normal(scale=2e-5, size=(300, dimension))
    names = [f"n{place:05}" for place in generator.permutation(len(vectors))]
    engines = [open_engine(url) for url in urls]
    for url, engine in zip(urls, engines, strict=True):
        migrate(url)
        fill(engine, vectors, names)
    sources = [source_of(engine, dimension) for engine in engines]
    for turn in range(40):
        query = vectors[turn % 10] if turn % 2 else generator.normal(size=dimension)
        excluded = EXCLUSIONS[turn % len(EXCLUSIONS)]
        lists = []
        for engine, source in zip(engines, sources, strict=True):
            with engine.connect() as connection:
                lists.append(search(source, connection, SearchQuery(query), 1 + turn * 2, excluded))
        assert lists[0] == lists[1]
    for engine in engines:
        engine.dispose()
    postgres.drop_database(urls[1])


def test_equal_notes_are_ordered_by_id(engine: Engine) -> None:
    """Also when there are more of them than candidates."""
    vectors = np.repeat(unit_rows(1, 5, DIMENSION), 200, axis=0)
    names = [f"n{place:05}" for place in np.random.default_rng(1).permutation(200)]
    fill(engine, vectors, names)
    hits = found(engine, vectors[0], 5, Excluded())
    assert [hit.note_id for hit in hits] == ["n00000", "n00001", "n00002", "n00003", "n00004"]
    assert len({hit.similarity for hit in hits}) == 1


def test_every_row_finds_itself(engine: Engine) -> None:
    """At rank 1 with similarity 1, since a query is rounded to float16 as a stored row is."""
    vectors = unit_rows(500, 7, DIMENSION)
    fill(engine, np.stack([as_stored(vector) for vector in vectors]))
    for row in range(0, 500, 25):
        best = found(engine, vectors[row], 1, Excluded())[0]
        assert best.note_id == f"n{row:05}"
        assert best.similarity == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("count", "k"), [(0, 5), (3, 5), (3, 0)])
def test_fewer_notes_than_asked(engine: Engine, count: int, k: int) -> None:
    """An empty or small database answers with what it has."""
    if count:
        fill(engine, unit_rows(count, 3, DIMENSION))
    assert len(found(engine, unit_rows(1, 4, DIMENSION)[0], k, Excluded())) == min(count, k)


def test_the_scale_of_the_query_does_not_matter(engine: Engine) -> None:
    """Cosine, not inner product; float16 itself would lose small values."""
    fill(engine, unit_rows(50, 8, DIMENSION))
    query = unit_rows(1, 9, DIMENSION)[0].astype(np.float64)
    lists = [found(engine, scale * query, 5, Excluded()) for scale in (1, 1e-9, 1e9)]
    assert lists[0] == lists[1] == lists[2]


def test_rows_without_length_are_found_last_and_harm_nothing(engine: Engine) -> None:
    """A zero row has cosine 0; a zero query finds the first ids."""
    vectors = unit_rows(60, 10, DIMENSION)
    vectors[0] = 0.0
    fill(engine, vectors)
    if is_sqlite(engine):  # pgvector's cosine distance of a zero row is no number: sorted last, not searched
        assert ("n00000", 0.0) in [hit[:2] for hit in found(engine, vectors[1], 60, Excluded())]
    assert found(engine, vectors[1], 1, Excluded())[0].note_id == "n00001"


def test_a_vector_of_another_dimension_is_named(migrated_url: str) -> None:
    """A damaged row is not searched."""
    engine = open_engine(migrated_url)
    if not is_sqlite(engine):
        pytest.skip("PostgreSQL compares dimensions itself")
    fill(engine, unit_rows(3, 1, 7))
    with engine.connect() as connection, pytest.raises(MalformedInput, match="embedding 1 has 7 values, expected 24"):
        InProcessSource(EMBEDDING_ID, DIMENSION).current(connection)


def test_a_snapshot_follows_every_change(tmp_path: Path) -> None:
    """Random additions and deletions, through merges of segments: always what the table says, and never the old one."""
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(url)
    engine = open_engine(url)
    fill(engine, unit_rows(200, 1, DIMENSION))
    source = InProcessSource(EMBEDDING_ID, DIMENSION)
    generator = np.random.default_rng(3)
    number = 200
    with engine.connect() as connection:
        first = source.current(connection)
    kept = [segment.vectors.copy() for segment in first.segments]
    for turn in range(60):
        with write(engine) as connection:
            notes = np.array(connection.scalars(select(Note.id)).all())
            gone = generator.choice(notes, size=min(len(notes) - 1, int(generator.integers(0, 30))), replace=False)
            connection.execute(delete(Note).where(Note.id.in_(gone.tolist())))
            for row in unit_rows(int(generator.integers(0, 30)), turn + 10, DIMENSION):
                number += 1
                connection.execute(_note_and(number))
                connection.execute(_embedding_of(number, row))
        with engine.connect() as connection:
            snapshot = source.current(connection)
            stored = connection.execute(select(Embedding.id, Embedding.vector).order_by(Embedding.id)).all()
        ids = np.concatenate([s.rows.embeddings[m] for s, m in zip(snapshot.segments, snapshot.alive, strict=True)])
        vectors = np.concatenate([s.vectors[m] for s, m in zip(snapshot.segments, snapshot.alive, strict=True)])
        order = np.argsort(ids)
        assert ids[order].tolist() == [row.id for row in stored]
        assert np.array_equal(vectors[order], np.stack([row.vector for row in stored]))
    assert all(np.array_equal(was, segment.vectors) for was, segment in zip(kept, first.segments, strict=True))
    assert len(first) == 200


def test_a_transaction_older_than_the_snapshot_sees_its_own_state(tmp_path: Path) -> None:
    """And the others theirs."""
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(url)
    engine = open_engine(url)
    fill(engine, unit_rows(20, 1, DIMENSION))
    source = InProcessSource(EMBEDDING_ID, DIMENSION)
    with engine.connect() as old:
        old.execute(select(Note.id)).all()  # its state is fixed by the first read
        with write(engine) as connection:
            connection.execute(delete(Note).where(Note.id.in_([3, 20])))
        with engine.connect() as connection:
            assert len(source.current(connection)) == 18
        assert len(source.current(old)) == 20
    with engine.connect() as connection:
        assert len(source.current(connection)) == 18


def test_a_snapshot_cannot_be_changed(tmp_path: Path) -> None:
    """Threads share it."""
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(url)
    fill(open_engine(url), unit_rows(5, 1, DIMENSION))
    with open_engine(url).connect() as connection:
        snapshot = InProcessSource(EMBEDDING_ID, DIMENSION).current(connection)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.segments[0].vectors[0, 0] = 1.0


def _note_and(number: int) -> Insert:
    return insert(Note).values(id=number + 1000, note_id=f"x{number}", split="train", source="s", text_hash="0")


def _embedding_of(number: int, row: np.ndarray) -> Insert:
    values = {"embedding_id": EMBEDDING_ID, "dimension": DIMENSION, "vector": row.astype(VECTOR_TYPE)}
    return insert(Embedding).values(note_id=number + 1000, **values)
