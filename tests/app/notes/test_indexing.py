"""Indexing adds what is missing, whole or not at all, on both engines."""

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.access.gate import OpenGate
from app.database.engine import migrate, open_engine, write
from app.database.tables import AssignedCode, Bundle, Embedding, HashKey, Note, Patient, Review
from app.neighbours.index import open_index
from app.neighbours.search import Excluded, SearchQuery
from app.notes.indexing import BATCH_SIZE
from app.notes.rebuilding import hash_text
from app.notes.service import delete_note
from app.notes.verify_index import verify_index
from app.settings import load_settings
from app.web.application import create_app
from model.code_vectors import CodeVectors
from model.dataset import Document
from model.errors import EmbeddingMismatch, EmptyDataset, InvalidOption, MalformedInput
from model.icd import Code
from model.prediction import NoteVectors
from tests.app.access_log.rows import deletion_of, logged
from tests.app.fakes import CANARY, LABELS, NOTES, FakeCoder, index_into, random_documents, write_dataset


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


def count(url: str, table: type) -> int:
    with open_engine(url).connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_only_the_training_split_is_stored_by_default(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """With patients, codes in order, titles, and the bundle's identity."""
    report = index_into(url, coder, write_dataset(tmp_path / "data"))
    assert report.added == 3
    with open_engine(url).connect() as connection:
        notes = connection.execute(
            select(Note.note_id, Patient.subject_id, Note.split, Note.source, Note.text).join(Patient)
        ).all()
        codes = connection.execute(
            select(AssignedCode.sequence, AssignedCode.system, AssignedCode.code, AssignedCode.title)
            .join(Note)
            .where(Note.note_id == "n3")
            .order_by(AssignedCode.sequence)
        ).all()
        bundle = connection.execute(select(Bundle.bundle_id, Bundle.embedding_id, Bundle.dimension)).one()
    assert sorted(notes) == [(f"n{i}", p, "train", "data", None) for i, p in ((1, "p1"), (2, "p1"), (3, "p2"))]
    assert codes == [(1, "icd9pcs", "00.66", "PTCA"), (2, "icd9cm", "401.9", "Essential hypertension")]
    assert bundle == (coder.bundle_id, coder.embedding_id, 32)


def test_a_database_without_texts_holds_no_word_of_them(coder: FakeCoder, tmp_path: Path) -> None:
    """Neither the file nor its write-ahead log."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    note = Document("c1", "p1", "train", f"{CANARY} hypertension", ())
    index_into(url, coder, write_dataset(tmp_path / "data", [note]))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("notes.sqlite3*"))
    assert b"c1" in stored
    assert CANARY.encode() not in stored


def test_texts_are_hashed_under_the_databases_key(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """The same text has another hash in another database."""
    index_into(url, coder, write_dataset(tmp_path / "data"))
    with open_engine(url).connect() as connection:
        key = connection.scalars(select(HashKey.key)).one()
        stored = connection.scalars(select(Note.text_hash).where(Note.note_id == "n1")).one()
    assert stored == hash_text(key, NOTES[0].text)
    assert stored != hash_text(b"another key", NOTES[0].text)


def test_indexing_twice_adds_nothing(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """And embeds nothing."""
    data = write_dataset(tmp_path / "data")
    index_into(url, coder, data)
    embedded = coder.embedded
    report = index_into(url, coder, data)
    assert (report.added, report.present) == (0, 3)
    assert coder.embedded == embedded
    assert [count(url, table) for table in (Note, Embedding, Bundle, Patient)] == [3, 3, 1, 2]


def test_further_splits_and_texts_are_added_later(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """What is missing may be documents of another split, or the text of stored notes."""
    data = write_dataset(tmp_path / "data")
    index_into(url, coder, data)
    embedded = coder.embedded
    report = index_into(url, coder, data, splits=("train", "dev"), store_text=True)
    assert (report.added, report.present, report.texts_added) == (1, 3, 3)
    assert coder.embedded == embedded + 1
    with open_engine(url).connect() as connection:
        texts = connection.scalars(select(Note.text).order_by(Note.note_id)).all()
    assert texts == [note.text for note in NOTES[:4]]


def test_an_interrupted_run_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    """Ctrl-C in the second batch leaves the first whole; the next run embeds the rest only."""

    class Interrupted(FakeCoder):
        def embed(self, texts):  # type: ignore[no-untyped-def]
            if self.embedded:
                raise KeyboardInterrupt
            return super().embed(texts)

    data = write_dataset(tmp_path / "data", random_documents(BATCH_SIZE + 5))
    with pytest.raises(KeyboardInterrupt):
        index_into(url, Interrupted(), data)
    assert [count(url, table) for table in (Note, Embedding)] == [BATCH_SIZE, BATCH_SIZE]
    coder = FakeCoder()
    assert index_into(url, coder, data).added == 5
    assert coder.embedded == 5


def test_a_failed_batch_leaves_no_row_of_it(
    url: str, coder: FakeCoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Note, codes and embedding of all its documents are one transaction."""
    calls = iter(range(100))

    def encode(vector: np.ndarray) -> np.ndarray:
        if next(calls) == 1:
            raise RuntimeError("the disk is gone")
        return vector.astype(np.float16)

    monkeypatch.setattr("app.notes.indexing.as_stored", encode)
    with pytest.raises(RuntimeError, match="disk"):
        index_into(url, coder, write_dataset(tmp_path / "data"))
    assert [count(url, table) for table in (Note, Embedding, AssignedCode, Patient, Bundle)] == [0] * 5


def test_two_indexers_at_once_add_each_document_once(url: str, tmp_path: Path) -> None:
    """Whoever is second to a batch skips what the first has written."""
    data = write_dataset(tmp_path / "data", random_documents(3 * BATCH_SIZE))
    added: list[int] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        added.append(index_into(url, FakeCoder(), data).added)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == 2
    assert sum(added) == 3 * BATCH_SIZE
    assert [count(url, table) for table in (Note, Embedding)] == [3 * BATCH_SIZE] * 2


def test_two_bundles_index_side_by_side(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Notes are stored once, with an embedding of each; a service searches its own."""
    other = FakeCoder(embedding_id="f" * 64, dimension=48)
    other.bundle_id = "c" * 64
    assert index_into(indexed, other, tmp_path / "data").added == 3
    assert [count(indexed, table) for table in (Note, Embedding, Bundle)] == [3, 6, 2]
    for each in (coder, other):
        index = open_index(indexed, each.embedding_id, each.embedding_dim)
        best = index.find(SearchQuery(each.embed([NOTES[2].text])[0]), 1, Excluded())[0]
        assert (best.note_id, best.similarity) == ("n3", pytest.approx(1.0, abs=1e-3))
        with pytest.raises(EmbeddingMismatch, match="use the bundle that has indexed it|has indexed it"):
            index.find(SearchQuery(np.ones(5)), 1, Excluded())


def test_one_embedding_id_has_one_dimension(indexed: str, tmp_path: Path) -> None:
    """A bundle that makes another is refused, in indexing and in searching."""
    other = FakeCoder(dimension=48)
    other.bundle_id = "c" * 64
    with pytest.raises(EmbeddingMismatch, match="of 32 values under eeeeeeeeeeee, this bundle makes 48"):
        index_into(indexed, other, tmp_path / "data")
    with pytest.raises(EmbeddingMismatch, match="this bundle makes 48"):
        open_index(indexed, other.embedding_id, 48)
    assert count(indexed, Bundle) == 1


def test_one_bundle_does_not_mix_two_precisions(indexed: str, tmp_path: Path) -> None:
    """Searching and indexing both say what to do; nothing is written."""
    coder = FakeCoder(embedding_id="f" * 64)
    coder.precision = "int8"
    with pytest.raises(EmbeddingMismatch, match="choose the --precision that it was indexed with, or add its"):
        open_index(indexed, coder.embedding_id, coder.embedding_dim)
    with pytest.raises(EmbeddingMismatch, match="another precision than int8: choose the --precision of then"):
        index_into(indexed, coder, tmp_path / "data")
    assert [count(indexed, table) for table in (Note, Embedding, Bundle)] == [3, 3, 1]


def test_another_bundle_with_the_same_embedding_is_welcome(indexed: str, tmp_path: Path) -> None:
    """A recalibrated bundle adds itself and reuses the vectors."""
    coder = FakeCoder()
    coder.bundle_id = "c" * 64
    report = index_into(indexed, coder, tmp_path / "data", splits=("train", "dev"), store_text=True)
    assert (report.added, coder.embedded) == (1, 1)
    assert count(indexed, Bundle) == 2


def test_a_changed_text_under_a_stored_id_is_refused(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """The message names the document and none of its words."""
    changed = write_dataset(tmp_path / "new", [Document("n1", "p1", "train", f"{CANARY} changed", ())])
    with pytest.raises(MalformedInput, match="'n1' is stored with another text") as caught:
        index_into(indexed, coder, changed)
    assert CANARY not in str(caught.value)


def test_rebuild_replaces_what_has_changed(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Text, codes, patient and embedding; of what has not, only the embedding is made anew."""
    other = FakeCoder(embedding_id="f" * 64)
    other.bundle_id = "c" * 64
    index_into(indexed, other, tmp_path / "data")
    changed = [Document("n1", "p9", "train", "Another text about failure.", (LABELS[2].key,)), *NOTES[1:3]]
    report = index_into(indexed, coder, write_dataset(tmp_path / "new", changed), store_text=True, rebuild=True)
    assert report.added == 3
    with open_engine(indexed).connect() as connection:
        codes = connection.execute(select(AssignedCode.code).join(Note).where(Note.note_id == "n1")).scalars().all()
        embedded = connection.execute(
            select(Note.note_id, Embedding.embedding_id).join(Embedding).order_by(Note.note_id, Embedding.embedding_id)
        ).all()
    assert codes == ["428.0"]
    e, f = "e" * 64, "f" * 64  # the other bundle's embedding of the old text went with it
    assert embedded == [("n1", e), ("n2", e), ("n2", f), ("n3", e), ("n3", f)]
    index = open_index(indexed, coder.embedding_id, coder.embedding_dim)
    assert index.find(SearchQuery(coder.embed([changed[0].text])[0]), 1, Excluded())[0].note_id == "n1"
    assert verify_index(open_engine(indexed)).problems == []


WEIGHTS = CodeVectors(np.array([1.0, 0.5, 2.0, 3.0], dtype=np.float32), 0.5)
WITHOUT_CODES = Document("n9", "p9", "train", f"Failure of the heart, then angioplasty. {CANARY}", ())
"""The fake coder predicts 428.0 and 00.66 for it."""
OTHER_CODES = Document("n8", "p8", "train", f"A rash. {CANARY}", (Code("icd9cm", "782.1"),))
"""Not in the bundle's code set."""


def writing_codes() -> FakeCoder:
    """The fake coder of a bundle that writes notes as codes."""
    coder = FakeCoder()
    coder.code_vectors = WEIGHTS
    return coder


def codes_in(url: str) -> dict[str, tuple[list[int], list[float], bool] | None]:
    """The rows of each note: columns and values of its codes, and whether they are predicted."""
    with open_engine(url).connect() as connection:
        rows = connection.execute(
            select(Note.note_id, Embedding.codes, Embedding.codes_predicted).join(Note, Embedding.note_id == Note.id)
        ).all()
    return {
        name: None if codes is None else (codes.columns.tolist(), codes.values.tolist(), predicted)
        for name, codes, predicted in rows
    }


EXPECTED_CODES = {
    "n1": ([0, 1], pytest.approx([1.0 / 1.25**0.5, 0.5 / 1.25**0.5]), False),
    "n2": ([2], [1.0], False),
    "n3": ([1, 3], pytest.approx([0.5 / 9.25**0.5, 3.0 / 9.25**0.5]), False),
    "n8": ([], [], False),
    "n9": ([2, 3], pytest.approx([2.0 / 13**0.5, 3.0 / 13**0.5]), True),
}


def test_each_note_is_written_as_its_assigned_codes_or_as_its_predicted_ones(url: str, tmp_path: Path) -> None:
    """Codes that the bundle does not have leave an empty vector, which is not the same as none."""
    data = write_dataset(tmp_path / "data", [*NOTES[:3], WITHOUT_CODES, OTHER_CODES])
    report = index_into(url, writing_codes(), data)
    assert (report.added, report.codes_added) == (5, 0)
    assert codes_in(url) == EXPECTED_CODES
    assert verify_index(open_engine(url), coder=writing_codes()).problems == []


def test_a_bundle_without_code_vectors_stores_none(indexed: str) -> None:
    """Such as one of an earlier version."""
    assert codes_in(indexed) == {"n1": None, "n2": None, "n3": None}


def test_notes_that_were_embedded_before_get_their_codes(url: str, tmp_path: Path) -> None:
    """Only the one without assigned codes needs the encoder; embeddings stay, a running search sees it, and a further
    run changes nothing.
    """
    data = write_dataset(tmp_path / "data", [*NOTES[:3], WITHOUT_CODES, OTHER_CODES])
    index_into(url, FakeCoder(), data)
    index = open_index(url, "e" * 64, 32)
    query = SearchQuery(FakeCoder().embed([NOTES[1].text])[0], WEIGHTS.assigned(np.array([1, 3])), 1.0)
    assert index.find(query, 1, Excluded())[0].similarity == 0.0
    before = vectors_in(url)
    coder = writing_codes()
    report = index_into(url, coder, data)
    assert (report.added, report.present, report.codes_added, coder.embedded) == (0, 5, 5, 1)
    assert codes_in(url) == EXPECTED_CODES
    assert vectors_in(url) == before
    best = index.find(query, 1, Excluded())[0]
    assert (best.note_id, best.similarity, best.codes_predicted) == ("n3", pytest.approx(1.0), False)
    assert index_into(url, coder, data).codes_added == 0
    assert coder.embedded == 1


def vectors_in(url: str) -> dict[str, bytes]:
    with open_engine(url).connect() as connection:
        rows = connection.execute(select(Note.note_id, Embedding.vector).join(Note, Embedding.note_id == Note.id)).all()
    return {name: vector.tobytes() for name, vector in rows}


def test_the_stored_codes_count_not_those_of_other_data(url: str, tmp_path: Path) -> None:
    """Data that name other codes change nothing without --rebuild, and all with it."""
    index_into(url, FakeCoder(), write_dataset(tmp_path / "data", NOTES[:3]))
    other = [replace(NOTES[0], codes=(LABELS[3].key,)), replace(NOTES[1], codes=())]
    data = write_dataset(tmp_path / "other", other)
    index_into(url, writing_codes(), data)
    assert codes_in(url) == {name: EXPECTED_CODES[name] for name in ("n1", "n2")} | {"n3": None}
    index_into(url, writing_codes(), data, rebuild=True)
    found = codes_in(url)
    assert found["n1"] == ([3], [1.0], False)
    told = found["n2"]
    assert told is not None
    assert told[2] is True


def test_a_note_that_is_deleted_while_it_is_read_is_stored_again(url: str, tmp_path: Path) -> None:
    """The run had asked for its codes only."""
    data = write_dataset(tmp_path / "data", [NOTES[0], WITHOUT_CODES])
    index_into(url, FakeCoder(), data)

    class Slow(FakeCoder):
        def vectors(self, texts: Sequence[str]) -> list[NoteVectors]:
            if not self.embedded:
                with write(open_engine(url)) as connection:
                    connection.exec_driver_sql("DELETE FROM notes WHERE note_id = 'n1'")
            return super().vectors(texts)

    coder = Slow()
    coder.code_vectors = WEIGHTS
    report = index_into(url, coder, data)
    assert (report.added, report.codes_added) == (1, 1)
    assert codes_in(url) == {name: EXPECTED_CODES[name] for name in ("n1", "n9")}


def test_deleting_a_note_deletes_its_vector_of_codes(url: str, tmp_path: Path) -> None:
    """It is in the row of its embedding."""
    index_into(url, writing_codes(), write_dataset(tmp_path / "data", NOTES[:3]))
    delete_note(open_engine(url), "n3", deletion_of("n3"))
    assert sorted(codes_in(url)) == ["n1", "n2"]


def review(url: str, coder: FakeCoder, *note_ids: str) -> None:
    """One review of each note, made by the service."""
    with TestClient(create_app(load_settings(database=url), coder, OpenGate())) as client:
        for note_id in note_ids:
            made = {"note_id": note_id, "actions": [{"action": "reject", "code": "401.9"}]}
            assert client.post("/v1/reviews", json=made).status_code == 201


def reviewed(url: str) -> list[str]:
    with open_engine(url).connect() as connection:
        return sorted(connection.scalars(select(Note.note_id).join(Review, Review.note_id == Note.id)))


def test_rebuild_keeps_the_reviews_of_a_note_with_the_same_text(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """A code was added, the split changed, a patient's id corrected: the row stays, and the old patient goes. A service
    that runs finds the note as the new patient's.
    """
    review(indexed, coder, "n1", "n2", "n3")
    n1, n2, n3 = NOTES[:3]
    index = open_index(indexed, coder.embedding_id, coder.embedding_dim)
    vector = coder.embed([n3.text])[0]
    assert index.find(SearchQuery(vector), 1, Excluded())[0].note_id == "n3"
    changed = [replace(n1, codes=(*n1.codes, LABELS[2].key)), replace(n2, split="dev"), replace(n3, subject_id="p7")]
    data = write_dataset(tmp_path / "new", changed)
    report = index_into(indexed, coder, data, splits=("train", "dev"), store_text=True, rebuild=True)
    assert (report.added, report.lost) == (3, (0, 0))
    assert reviewed(indexed) == ["n1", "n2", "n3"]
    with open_engine(indexed).connect() as connection:
        codes = connection.scalars(select(AssignedCode.code).join(Note).where(Note.note_id == "n1")).all()
        rows = connection.execute(select(Note.note_id, Patient.subject_id, Note.split).join(Patient)).all()
        patients = connection.scalars(select(Patient.subject_id)).all()
    assert codes == ["401.9", "250.00", "428.0"]
    assert sorted(rows) == [("n1", "p1", "train"), ("n2", "p1", "dev"), ("n3", "p7", "train")]
    assert sorted(patients) == ["p1", "p7"]
    assert index.find(SearchQuery(vector), 3, Excluded(frozenset({"p7"})))[0].note_id != "n3"
    assert index.find(SearchQuery(vector), 1, Excluded(frozenset({"p2"})))[0].note_id == "n3"
    assert verify_index(open_engine(indexed)).problems == []


def test_rebuild_deletes_reviews_only_when_it_is_told_to(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Refused before anything changes, however far behind in the data; then counted, and named in the access log."""
    review(indexed, coder, "n1", "n3", "n3")
    others = random_documents(2 * BATCH_SIZE)
    changed = [*others, replace(NOTES[1], text="Other words."), replace(NOTES[2], text="Another text about failure.")]
    data = write_dataset(tmp_path / "new", changed)
    with pytest.raises(InvalidOption, match=r"another text for 1 notes with 2 reviews.*--delete-reviews"):
        index_into(indexed, coder, data, rebuild=True)
    with open_engine(indexed).connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Note)) == 3
    assert reviewed(indexed) == ["n1", "n3", "n3"]
    assert index_into(indexed, coder, data, rebuild=True, delete_reviews=True).lost == (1, 2)
    assert reviewed(indexed) == ["n1"]
    assert ("command-line", "index --rebuild deletes 2 reviews", '["n3"]', None) in logged(open_engine(indexed))


def test_a_review_that_is_made_during_a_rebuild_is_not_deleted(
    indexed: str, coder: FakeCoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction looks again."""
    data = write_dataset(tmp_path / "new", [replace(NOTES[0], text="Another text.")])
    embed = coder.embed

    def embed_while_somebody_reviews(texts: Sequence[str]) -> Any:
        review(indexed, FakeCoder(), "n1")
        return embed(texts)

    monkeypatch.setattr(coder, "embed", embed_while_somebody_reviews)
    with pytest.raises(InvalidOption, match="1 reviews"):
        index_into(indexed, coder, data, rebuild=True)
    assert reviewed(indexed) == ["n1"]


def test_deleting_reviews_without_rebuild_is_a_mistake(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """The option has no meaning of its own."""
    with pytest.raises(InvalidOption, match="--rebuild"):
        index_into(indexed, coder, tmp_path / "data", delete_reviews=True)


@pytest.mark.parametrize(
    ("note", "store_text", "words"),
    [
        (Document("n" * 201, "p", "train", "a note", ()), False, "more than 200 characters"),
        (Document("n9", "p" * 201, "train", "a note", ()), False, "more than 200 characters"),
        (Document("n9", "p", "train", f"{CANARY}\0", ()), True, "NUL character at position 11"),
    ],
)
def test_what_one_engine_cannot_hold_both_refuse(
    url: str, coder: FakeCoder, tmp_path: Path, note: Document, store_text: bool, words: str
) -> None:
    """In one sentence without the text."""
    with pytest.raises(MalformedInput, match=words) as caught:
        index_into(url, coder, write_dataset(tmp_path / "data", [note]), store_text=store_text)
    assert CANARY not in str(caught.value)


def test_documents_that_share_an_id_are_refused(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Before anything is stored."""
    data = write_dataset(tmp_path / "data", [*NOTES[:3], NOTES[0]])
    with pytest.raises(MalformedInput, match="'n1' occurs 2 times"):
        index_into(url, coder, data)
    assert count(url, Note) == 0


@pytest.mark.parametrize("splits", [("training",), ()])
def test_unknown_splits_are_named(url: str, coder: FakeCoder, tmp_path: Path, splits: tuple[str, ...]) -> None:
    """With those that there are."""
    with pytest.raises(InvalidOption, match="train,dev,test"):
        index_into(url, coder, write_dataset(tmp_path / "data"), splits=splits)


def test_a_split_without_documents_is_named(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """With the sizes of the splits."""
    data = write_dataset(tmp_path / "data", NOTES[:3])
    with pytest.raises(EmptyDataset, match=r"splits dev.*'train': 3"):
        index_into(url, coder, data, splits=("dev",))


def test_a_document_without_a_patient_is_stored_without_one(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Data need not name patients."""
    index_into(url, coder, write_dataset(tmp_path / "data", [Document("x", "", "train", "a note", ())]))
    assert [count(url, table) for table in (Note, Patient)] == [1, 0]


def test_deleting_a_note_deletes_its_codes_and_embedding(indexed: str) -> None:
    """By the database itself."""
    with write(open_engine(indexed)) as connection:
        connection.exec_driver_sql("DELETE FROM notes WHERE note_id = 'n3'")
    assert [count(indexed, table) for table in (Note, Embedding, AssignedCode)] == [2, 2, 3]


def test_what_was_stored_is_in_the_access_log(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """A row a batch, with its notes; a run that stores nothing leaves none."""
    data = write_dataset(tmp_path / "data", random_documents(20))
    for _ in range(2):
        index_into(url, coder, data)
        notes = [json.loads(note_ids) for _, action, note_ids, _ in logged(open_engine(url)) if action == "index"]
        assert list(map(len, notes)) == [16, 4]
    assert notes[0][0] == "r0"
