"""Milliseconds of exact searches: by text as ratios to faiss's own flat float16 search, by codes too as ratios to text.

Run ``python tests/benchmarks/benchmark_neighbours.py [ROWS ...] [--postgres]``: random unit rows of 768 values with 16
codes each, 52,722 and 331,000 of them unless told; medians of ``NeighbourIndex``'s search for ten neighbours, faiss or
the search by text in the same turns, all with one thread. The time includes the questions to the database (version,
excluded notes, names of the candidates). On a shared machine look at the processor time, which leaves out waiting for
a core. Embeddings of real notes are not spread evenly: ``--narrow`` gives all rows a direction in common, so that their
cosines lie between 0.8 and 0.9.
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
from app.neighbours.code_rows import memory
from app.neighbours.postgresql_candidates import InServerSource
from app.neighbours.search import CandidateSource, Excluded, SearchQuery, search
from app.neighbours.snapshot import Snapshot
from app.neighbours.sqlite_candidates import InProcessSource
from model.code_vectors import CodeVector, CodeVectors
from tests.app.neighbours.stores import EMBEDDING_ID, FIRST
from tests.postgres_server import PostgresServer

DIMENSION, TURNS, CHUNK, K = 768, 41, 2_000, 10
CODES, CODE_SET, PREDICTED = 16, 8_000, 40
"""Codes of a stored note, of the code set, and of a query, which has all that are likely at all."""
SHARES = {"half by codes": 0.5, "by codes": 1.0}
NARROW = "--narrow" in sys.argv[1:]
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
        lines.append(f"  snapshot read in {time.perf_counter() - started:.1f} s, {resident(snapshot, count)}")
    else:
        source = InServerSource(EMBEDDING_ID, DIMENSION)
        with write(engine) as connection:
            connection.exec_driver_sql("ANALYZE")
    flat = baseline(count)
    for name, share in SHARES.items():
        lines.append(mixed(engine, source, name, share))
    for name, excluded in EXCLUSIONS.items():
        (ours, theirs), (busy, theirs_busy) = timed(engine, source, flat, excluded)
        line = f"  {name:<22} {ours:7.2f} ms, faiss flat {theirs:7.2f} ms, ratio {ours / theirs:5.2f}"
        if is_sqlite(engine):  # a server's work is not this thread's
            line += f"; of processor time {busy:6.2f} and {theirs_busy:6.2f} ms, ratio {busy / theirs_busy:5.2f}"
        lines.append(line)
    engine.dispose()
    sys.stdout.write("\n".join(lines) + "\n")


def resident(snapshot: Snapshot, count: int) -> str:
    vectors = count * DIMENSION * VECTOR_TYPE.itemsize
    codes = sum(memory(segment.codes) for segment in snapshot.segments)
    return (
        f"{snapshot.bytes / 1e6:.0f} MB, {codes / 1e6:.0f} of them codes; {snapshot.bytes / vectors:.3f} times the "
        "float16 vectors"
    )


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


def mixed(engine: Engine, source: CandidateSource, name: str, share: float) -> str:
    """A line on searches without a patient and a note, by codes and by text in turns."""
    excluded, times = EXCLUSIONS["patient, note"], []
    for query, codes in zip(rows(TURNS, 9), predictions(TURNS, 11), strict=True):
        started = clocks()
        with engine.connect() as connection:
            search(source, connection, SearchQuery(query, codes, share), K, excluded)
        between = clocks()
        with engine.connect() as connection:
            search(source, connection, SearchQuery(query), K, excluded)
        times.append((between - started, clocks() - between))
    (ours, text), (busy, text_busy) = np.median(times, axis=0).T * 1000
    line = f"  {name:<22} {ours:7.2f} ms, by text {text:7.2f} ms, ratio {ours / text:5.2f}"
    if is_sqlite(engine):
        line += f"; of processor time {busy:6.2f} and {text_busy:6.2f} ms, ratio {busy / text_busy:5.2f}"
    return line


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.thread_time()])


def baseline(count: int) -> faiss.IndexScalarQuantizer:
    flat = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, count, CHUNK):
        flat.add(rows(min(CHUNK, count - start), start))
    return flat


def rows(count: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    found += 2.4 * NARROW
    return found / np.linalg.norm(found, axis=1, keepdims=True)


WEIGHTS = CodeVectors(np.random.default_rng(1).uniform(1.0, 3.0, size=CODE_SET).astype(np.float32), 0.5)
FREQUENCIES = 1.0 / (np.arange(CODE_SET) + 10.0)
"""Of the codes, by Zipf's law."""


def assigned(count: int, seed: int) -> list[CodeVector]:
    drawn = draw(count, CODES, seed)
    return [WEIGHTS.assigned(columns) for columns in drawn]


def predictions(count: int, seed: int) -> list[CodeVector]:
    probabilities = np.random.default_rng(seed).uniform(0.01, 1.0, size=(count, PREDICTED)) ** 3
    drawn = draw(count, PREDICTED, seed)
    return [WEIGHTS.predicted(*pair) for pair in zip(drawn, np.maximum(probabilities, 0.01), strict=True)]


def draw(notes: int, codes: int, seed: int) -> np.ndarray:
    """(notes, codes) distinct columns of each note."""
    drawn = np.random.default_rng(seed).choice(CODE_SET, size=(notes, 4 * codes), p=FREQUENCIES / FREQUENCIES.sum())
    return np.array([list(dict.fromkeys(row))[:codes] for row in drawn.tolist()])


def fill(engine: Engine, count: int) -> None:
    """1.25 notes a patient, all in one transaction as a restore writes them."""
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
                [
                    {"note_id": n + 1, "vector": v, "codes": c, **same}
                    for n, v, c in zip(numbers, vectors, assigned(len(numbers), start), strict=True)
                ],
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
