"""verify-index finds every kind of damage, and nothing in a sound database; deleting a note leaves no trace."""

import re
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, func, insert, select, text, update

from app.database.engine import is_sqlite, open_engine, write
from app.database.tables import AssignedCode, Bundle, Embedding, Note, Patient
from app.errors import DatabaseUnavailable, UnknownNote
from app.neighbours.index import open_index
from app.neighbours.search import Excluded, SearchQuery
from app.notes.repository import Deleted
from app.notes.service import delete_note
from app.notes.verify_index import verify_index
from model.code_vectors import CodeVector, CodeVectors
from model.errors import EmbeddingMismatch
from tests.app.access_log.rows import deletion_of
from tests.app.fakes import CANARY, NOTES, FakeCoder, index_into, write_dataset


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


def test_a_sound_database_is_clean(indexed: str) -> None:
    """Everything is counted and every row has searched for itself."""
    found = verify_index(open_engine(indexed))
    assert (found.notes, found.embeddings, found.searched, found.problems) == (3, {"e" * 64: 3}, 3, [])


def test_an_empty_database_is_clean(url: str) -> None:
    """Nothing is wrong with nothing."""
    assert verify_index(open_engine(url)).problems == []


ZERO = np.zeros(32, dtype=np.float16)
DAMAGE = {
    "notes without an embedding: 1 .n2": delete(Embedding).where(Embedding.note_id == 2),
    "code lists with gaps: 1 .n1": delete(AssignedCode).where(AssignedCode.sequence == 1, AssignedCode.note_id == 1),
    "texts that differ from their hash: 1 .n3": update(Note).where(Note.note_id == "n3").values(text="other"),
    "with another dimension than 32: 1 .n1": update(Embedding)
    .where(Embedding.note_id == 1)
    .values(vector=np.ones(31, dtype=np.float16)),
    "no unit row: 1 .n1": update(Embedding).where(Embedding.note_id == 1).values(vector=ZERO),
    "which no bundle has indexed": insert(Embedding).values(note_id=1, embedding_id="f", dimension=32, vector=ZERO),
    "bundles that disagree on the dimension": text(
        "INSERT INTO bundles SELECT 'x', embedding_id, 7, created_at FROM bundles"
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_each_damage_is_named_with_its_notes(indexed: str, what: str) -> None:
    """By their ids, never by their words."""
    engine = open_engine(indexed)
    with write(engine) as connection:
        connection.execute(DAMAGE[what])
    problems = verify_index(engine).problems
    assert any(re.search(what, problem) for problem in problems), problems


def as_codes(*pairs: tuple[int, float]) -> CodeVector:
    return CodeVector(np.array([c for c, _ in pairs], dtype=np.int32), np.array([v for _, v in pairs], np.float32))


FIRST = update(Embedding).where(Embedding.note_id == 1)
CODE_DAMAGE = {
    "codes of eeeeeeeeeeee that are no sparse unit row: 1 .n1": FIRST.values(codes=as_codes((0, 0.5), (1, 0.5))),
    "predicted beside assigned ones, or neither: 1 .n1": FIRST.values(codes_predicted=True),
    "predicted beside assigned ones, or neither: 1 .n2": delete(AssignedCode).where(AssignedCode.note_id == 2),
    "that are not the assigned ones: 1 .n1": FIRST.values(codes=as_codes((0, 0.8), (1, 0.6))),
    "that are not the assigned ones: 2 .n1, n3": update(AssignedCode)
    .where(AssignedCode.code == "401.9")
    .values(code="428.0"),
    "that are not written as codes: 1 .n1": FIRST.values(codes=None),
}
"""Of notes that are written as codes."""


@pytest.fixture
def with_codes(url: str, coder: FakeCoder, tmp_path: Path) -> str:
    coder.code_vectors = CodeVectors(np.array([1.0, 0.5, 2.0, 3.0], dtype=np.float32), 0.5)
    index_into(url, coder, write_dataset(tmp_path / "data"))
    return url


@pytest.mark.parametrize("what", CODE_DAMAGE)
def test_each_damage_of_codes_is_named_with_its_notes(with_codes: str, coder: FakeCoder, what: str) -> None:
    """The bundle knows the codes' columns and weights."""
    engine = open_engine(with_codes)
    assert verify_index(engine, coder=coder).problems == []
    with write(engine) as connection:
        connection.execute(CODE_DAMAGE[what])
    problems = verify_index(engine, coder=coder).problems
    assert any(re.search(what, problem) for problem in problems), problems


@pytest.mark.parametrize(
    "codes", [((1, 0.6), (0, 0.8)), ((0, 0.6), (0, 0.8)), ((-1, 1.0),), ((2**24, 1.0),), ((0, np.nan),), ((0, -1.0),)]
)
def test_codes_that_cannot_be_searched_are_named(with_codes: str, codes: tuple[tuple[int, float], ...]) -> None:
    """In no order, of no code set, or no numbers, in a file: PostgreSQL refuses most of them itself."""
    engine = open_engine(with_codes)
    if not is_sqlite(engine):
        pytest.skip("PostgreSQL refuses them itself")
    with write(engine) as connection:
        connection.execute(FIRST.values(codes=as_codes(*codes)))
    assert "codes of eeeeeeeeeeee that are no sparse unit row: 1 (n1)" in verify_index(engine).problems


def test_without_the_bundle_codes_are_checked_by_themselves(with_codes: str, coder: FakeCoder) -> None:
    """What only the bundle knows is not told; a bundle that has not indexed here is a mistake."""
    engine = open_engine(with_codes)
    with write(engine) as connection:
        connection.execute(CODE_DAMAGE["that are not the assigned ones: 1 .n1"])
    assert verify_index(engine).problems == []
    with pytest.raises(EmbeddingMismatch, match="was indexed with the embedding eeeeeeeeeeee"):
        verify_index(engine, coder=FakeCoder(embedding_id="f" * 64))


def test_a_search_that_loses_a_row_is_named(indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check asks the search itself, not the table."""
    monkeypatch.setattr("app.notes.verify_index.search", lambda *_: [])
    problems = verify_index(open_engine(indexed)).problems
    assert problems == ["embeddings of eeeeeeeeeeee that do not find themselves: 3 (n1, n2, n3)"]


def test_deleting_a_note_leaves_nothing_of_it(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Its codes, embeddings and patient are gone, the search does not find it, the rest is untouched."""
    other = FakeCoder(embedding_id="f" * 64)
    other.bundle_id = "c" * 64
    index_into(indexed, other, tmp_path / "data")
    engine = open_engine(indexed)
    index = open_index(indexed, coder.embedding_id, coder.embedding_dim)
    query = coder.embed([NOTES[2].text])[0]
    assert index.find(SearchQuery(query), 1, Excluded())[0].note_id == "n3"
    assert delete_note(engine, "n3", deletion_of("n3")) == Deleted(codes=2, embeddings=2, codings=0, reviews=0)
    assert {neighbour.note_id for neighbour in index.find(SearchQuery(query), 9, Excluded())} == {"n1", "n2"}
    assert verify_index(engine).problems == []
    with engine.connect() as connection:
        assert connection.scalars(select(Patient.subject_id)).all() == ["p1"]
    delete_note(engine, "n1", deletion_of("n1"))  # the patient has another note
    with engine.connect() as connection:
        assert connection.scalars(select(Patient.subject_id)).all() == ["p1"]
        assert connection.scalar(select(func.count()).select_from(Bundle)) == 2
    with pytest.raises(UnknownNote, match="under this note_id"):
        delete_note(engine, "n3", deletion_of("n3"))


def test_a_deleted_text_is_not_left_in_the_file(coder: FakeCoder, tmp_path: Path) -> None:
    """Neither in free pages nor in the write-ahead log."""
    from app.database.engine import migrate
    from model.dataset import Document

    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    notes = [Document(f"n{i}", "p", "train", f"{CANARY}{i} " * 200, ()) for i in range(5)]
    index_into(url, coder, write_dataset(tmp_path / "data", notes), store_text=True)
    engine = open_engine(url)
    delete_note(engine, "n3", deletion_of("n3"))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("notes.sqlite3*"))
    assert f"{CANARY}2".encode() in stored
    assert f"{CANARY}3".encode() not in stored


def test_rows_that_would_be_left_stop_the_deletion(indexed: str) -> None:
    """A database whose references are not kept is not trusted."""
    engine = open_engine(indexed)
    if not is_sqlite(engine):
        pytest.skip("PostgreSQL always keeps references")
    from sqlalchemy import event

    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = OFF"))
    with pytest.raises(DatabaseUnavailable, match=r"would leave rows behind \(2 codes, 1 embeddings"):
        delete_note(engine, "n1", deletion_of("n1"))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Note)) == 3
