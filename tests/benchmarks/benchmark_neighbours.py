"""Milliseconds of exact searches, as ratios to faiss's own flat float16 search.

Run ``python tests/benchmarks/benchmark_neighbours.py [ROWS ...] [--postgres]``: random unit rows of 768 values,
52,722 and 331,000 of them unless told; medians of ``NeighbourIndex``'s search for ten neighbours, faiss in the same
turns, both with one thread. The time includes the questions to the database (version, excluded notes, names of the
candidates). On a shared machine look at the processor time, which leaves out waiting for a core.
"""

import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from sqlalchemy import Engine, insert

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.database.column_types import VECTOR_TYPE
from app.database.engine import is_sqlite, migrate, open_engine, write
from app.database.tables import Bundle, Embedding, Note, Patient
from app.neighbours.postgresql_candidates import InServerSource
from app.neighbours.search import CandidateSource, Excluded, SearchQuery, search
from app.neighbours.sqlite_candidates import InProcessSource
from tests.app.neighbours.stores import EMBEDDING_ID, FIRST
from tests.postgres_server import PostgresServer

DIMENSION, TURNS, CHUNK, K = 768, 41, 2_000, 10
PATIENT = frozenset({"p7"})
EXCLUSIONS = {
    "none excluded": Excluded(),
    "patient": Excluded(PATIENT),
    "patient, note": Excluded(PATIENT, frozenset({"n1"})),
}


def main() -> None:
    faiss.omp_set_num_threads(1)  # a team of threads for one query would only slow the baseline down
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()] or [52_722, 331_000]
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/notes.sqlite3"
            report(url, count)
        if "--postgres" in sys.argv[1:]:
            server = PostgresServer(
                "fsync=off", "shared_buffers=2GB", "max_wal_size=8GB", "log_min_duration_statement=-1"
            )
            try:
                server.start()
                report(server.new_database(), count)
            finally:
                server.remove()


def report(url: str, count: int) -> None:
    migrate(url)
    engine = open_engine(url)
    started = time.perf_counter()
    fill(engine, count)
    lines = [f"{engine.dialect.name}, {count} x {DIMENSION}, filled in {time.perf_counter() - started:.0f} s"]
    source: CandidateSource
    if is_sqlite(engine):
        source = InProcessSource(EMBEDDING_ID, DIMENSION)
        started = time.perf_counter()
        with engine.connect() as connection:
            snapshot = source.current(connection)
        lines.append(f"  snapshot read in {time.perf_counter() - started:.1f} s, {resident(snapshot.bytes, count)}")
    else:
        source = InServerSource(EMBEDDING_ID, DIMENSION)
        with write(engine) as connection:
            connection.exec_driver_sql("ANALYZE")
    flat = baseline(count)
    for name, excluded in EXCLUSIONS.items():
        (ours, theirs), (busy, theirs_busy) = timed(engine, source, flat, excluded)
        line = f"  {name:<22} {ours:7.2f} ms, faiss flat {theirs:7.2f} ms, ratio {ours / theirs:5.2f}"
        if is_sqlite(engine):  # a server's work is not this thread's
            line += f"; of processor time {busy:6.2f} and {theirs_busy:6.2f} ms, ratio {busy / theirs_busy:5.2f}"
        lines.append(line)
    engine.dispose()
    sys.stdout.write("\n".join(lines) + "\n")


def resident(held: int, count: int) -> str:
    vectors = count * DIMENSION * VECTOR_TYPE.itemsize
    return f"{held / 1e6:.0f} MB, {held / vectors:.3f} times the float16 vectors"


def timed(
    engine: Engine, source: CandidateSource, flat: faiss.IndexScalarQuantizer, excluded: Excluded
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Medians in milliseconds, ours and faiss's, of the time and of this thread's processor time.

    In turns, so that both meet the same neighbours on the machine.
    """
    times = []
    for query in rows(TURNS, 9):
        started = clocks()
        with engine.connect() as connection:
            search(source, connection, SearchQuery(query), K, excluded)
        between = clocks()
        flat.search(query[None], K)
        times.append((between - started, clocks() - between))
    (ours, ours_busy), (theirs, theirs_busy) = np.median(times, axis=0) * 1000
    return (ours, theirs), (ours_busy, theirs_busy)


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.thread_time()])


def baseline(count: int) -> faiss.IndexScalarQuantizer:
    flat = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, count, CHUNK):
        flat.add(rows(min(CHUNK, count - start), start))
    return flat


def rows(count: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def fill(engine: Engine, count: int) -> None:
    """1.25 notes a patient."""
    with write(engine) as connection:
        bundle = {"bundle_id": "b", "embedding_id": EMBEDDING_ID, "dimension": DIMENSION, "created_at": FIRST}
        connection.execute(insert(Bundle), bundle)
        patients = count * 4 // 5
        connection.execute(insert(Patient), [{"id": n + 1, "subject_id": f"p{n}"} for n in range(patients)])
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            connection.execute(insert(Note), [note(number, patients) for number in numbers])
            vectors = rows(len(numbers), start).astype(VECTOR_TYPE)
            same = {"embedding_id": EMBEDDING_ID, "dimension": DIMENSION}
            connection.execute(
                insert(Embedding),
                [{"note_id": n + 1, "vector": v, **same} for n, v in zip(numbers, vectors, strict=True)],
            )


def note(number: int, patients: int) -> dict[str, object]:
    return {
        "id": number + 1,
        "note_id": f"n{number}",
        "patient_id": number % patients + 1,
        "split": "train",
        "source": "benchmark",
        "text_hash": "0" * 64,
        "stored_at": FIRST,
    }


if __name__ == "__main__":
    main()
