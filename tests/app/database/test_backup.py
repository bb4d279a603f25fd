"""A backup brings the same rows and neighbours to either engine, or says that it is damaged."""

import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.coding.recording import record_coding
from app.database.backup.archive import unpacked
from app.database.backup.dump import dump
from app.database.backup.load import load
from app.database.backup.table_files import TABLES
from app.database.column_types import packed_codes
from app.database.engine import open_engine, write
from app.database.tables import DatabaseId, Embedding, Note
from app.errors import DatabaseOutOfStep
from app.jobs.repository import NewJob, add_job
from app.jobs.schemas import JobLine
from app.neighbours.index import open_index
from app.neighbours.search import Excluded, SearchQuery
from app.notes.verify_index import verify_index
from app.reviews.replay import Action, ActionKind
from app.reviews.repository import NewReview, add_review, note_row
from model.code_vectors import CodeVectors
from model.dataset import Document
from model.errors import MalformedInput, MissingInput, OutputExists, UnwritableOutput
from model.icd import Code
from model.prediction import RankedCode
from tests.app.fakes import CANARY, NOTES, FakeCoder, index_into, random_documents, write_dataset
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file starts from both engines."""
    return migrated_url


@pytest.fixture(params=["to sqlite", "to postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An absent file, or an empty database of a server."""
    if request.param == "to sqlite":
        yield f"sqlite:///{tmp_path}/restored.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    with disposed_engines():
        yield url
    server.drop_database(url)


def rows_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table; vectors as bytes."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [
                tuple(value.tobytes() if hasattr(value, "tobytes") else value for value in row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in TABLES
        }
    engine.dispose()
    return found


def tokens_of(url: str) -> list[str]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(select(DatabaseId.token)))
    engine.dispose()
    return found


def test_a_restored_database_has_an_id_of_its_own(indexed: str, target: str, tmp_path: Path) -> None:
    """Put in the place of the old one under a running service, it is noticed."""
    dump(open_engine(indexed), tmp_path / "notes.icdbackup")
    load(tmp_path / "notes.icdbackup", target)
    tokens = [tokens_of(indexed), tokens_of(target)]
    assert [len(found) for found in tokens] == [1, 1]
    assert tokens[0] != tokens[1]


def test_a_backup_restores_every_row_into_either_engine(
    indexed: str, target: str, coder: FakeCoder, tmp_path: Path
) -> None:
    """Rows, hash key, codings and neighbours are the same, and the restored database takes new notes."""
    other = FakeCoder(embedding_id="f" * 64, dimension=48)
    other.bundle_id = "c" * 64
    index_into(indexed, other, tmp_path / "data", splits=("train", "dev"))
    suggestion = RankedCode(1, "icd9cm", "401.9", "T", 0.1 + 0.2, 0.5, True, 1, ())
    with write(open_engine(indexed)) as connection:
        record_coding(connection, "n1", coder, [suggestion])
        note = note_row(connection, "n1")
        assert note is not None
        review = NewReview(note, coder.bundle_id, "0" * 16, "Fake Reviewer", datetime.now(UTC))
        add_review(connection, review, [Action(ActionKind.ADD, Code("icd9cm", "038.9"), 1)])
    file = tmp_path / "notes.icdbackup"
    written = dump(open_engine(indexed), file)
    assert load(file, target) == written
    assert rows_of(target) == rows_of(indexed)
    assert written["ranked_codes"] == written["reviews"] == written["review_actions"] == 1
    queries = coder.embed(["hypertension and diabetes", "angioplasty"])
    indexes = [open_index(url, coder.embedding_id, coder.embedding_dim) for url in (indexed, target)]
    for query in queries:
        assert indexes[0].find(SearchQuery(query), 9, Excluded()) == indexes[1].find(SearchQuery(query), 9, Excluded())
    assert verify_index(open_engine(target)).problems == []
    more = write_dataset(tmp_path / "more", random_documents(3))
    assert index_into(target, coder, more).added == 3


def test_a_backup_restores_notes_as_their_codes(url: str, target: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Bit for bit, assigned and predicted and empty ones, and those that were never written."""
    plain, coder.code_vectors = FakeCoder(), CodeVectors(np.array([1, 0.5, 2, 3], dtype=np.float32), 0.5)
    index_into(url, plain, write_dataset(tmp_path / "first", NOTES[:1]))
    more = [*NOTES[1:3], Document("x1", "q", "train", "Failure.", ()), Document("x2", "q", "train", "Nothing.", ())]
    index_into(url, coder, write_dataset(tmp_path / "data", more))
    dump(open_engine(url), tmp_path / "notes.icdbackup")
    load(tmp_path / "notes.icdbackup", target)
    stored = [codes_of(url) for url in (url, target)]
    assert stored[0] == stored[1]
    assert [None if codes is None else len(codes) // 8 for codes, _ in stored[0]] == [None, 1, 2, 1, 0]
    assert [predicted for _, predicted in stored[0]] == [False, False, False, True, True]


def codes_of(url: str) -> list[tuple[bytes | None, bool]]:
    with open_engine(url).connect() as connection:
        rows = connection.execute(select(Embedding.codes, Embedding.codes_predicted).order_by(Embedding.id)).all()
    return [(None if codes is None else packed_codes(codes), predicted) for codes, predicted in rows]


def test_a_backup_is_private_and_leaves_nothing_else(indexed: str, tmp_path: Path) -> None:
    """Only its owner can read it; a failed one leaves no file."""
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "notes.icdbackup"
    dump(open_engine(indexed), file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == [file]
    with pytest.raises(OutputExists, match="is there already"):
        dump(open_engine(indexed), file)
    with pytest.raises(UnwritableOutput, match="cannot write"):
        dump(open_engine(indexed), tmp_path / "absent" / "notes.icdbackup")


def test_any_changed_byte_is_found(indexed: str, tmp_path: Path) -> None:
    """Of a table, of the manifest, of the end; and nothing is restored."""
    file, bad = tmp_path / "notes.icdbackup", tmp_path / "bad.icdbackup"
    dump(open_engine(indexed), file)
    content = file.read_bytes()
    target = tmp_path / "new.sqlite3"
    for place in [*range(40, len(content), len(content) // 40), len(content) - 1]:
        bad.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            load(bad, f"sqlite:///{target}")
        except MalformedInput as error:
            assert "damaged or no backup" in str(error)  # noqa: PT017 - a byte of zip's own padding may be harmless
        else:
            assert rows_of(f"sqlite:///{target}") == rows_of(indexed)
            target.unlink()
            (tmp_path / "new.sqlite3-wal").unlink(missing_ok=True)
            (tmp_path / "new.sqlite3-shm").unlink(missing_ok=True)
            continue
        assert not target.exists()
    bad.write_bytes(content[: len(content) // 2])
    with pytest.raises(MalformedInput, match="damaged"):
        load(bad, f"sqlite:///{target}")


@pytest.mark.parametrize("marker", [b"PK\x01\x02", b"PK\x05\x06"])
def test_any_changed_byte_of_the_listing_is_found(indexed: str, tmp_path: Path, marker: bytes) -> None:
    """A bit can say that a member is encrypted, or lies before the file's beginning."""
    file, bad = tmp_path / "notes.icdbackup", tmp_path / "bad.icdbackup"
    dump(open_engine(indexed), file)
    content = file.read_bytes()
    start = content.index(marker)
    for place in range(start + 4, start + 46 if marker == b"PK\x01\x02" else len(content)):
        bad.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            with unpacked(bad) as (folder, _):
                assert len(list(folder.iterdir())) == len(TABLES)
        except MalformedInput as error:
            assert "damaged or no backup" in str(error)  # noqa: PT017 - a byte of zip's own padding may be harmless


def test_a_member_that_was_replaced_is_found_though_the_zip_is_whole(indexed: str, tmp_path: Path) -> None:
    """The zip's own checksums fit the new bytes: only the manifest's SHA-256 does not."""
    file, bad = tmp_path / "notes.icdbackup", tmp_path / "bad.icdbackup"
    dump(open_engine(indexed), file)
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(bad, "w") as changed:
        for name in good.namelist():
            content = good.read(name)
            changed.writestr(name, content + b"x" if name == "notes.parquet" else content)
        changed.comment = good.comment
    with zipfile.ZipFile(bad) as changed:
        assert changed.testzip() is None
    with pytest.raises(MalformedInput, match="checksums do not fit"), unpacked(bad):
        pass


def test_bad_restores_are_refused(indexed: str, tmp_path: Path) -> None:
    """No file, no backup, a database with notes, another schema."""
    file = tmp_path / "notes.icdbackup"
    dump(open_engine(indexed), file)
    with pytest.raises(MissingInput, match="icd-coder backup"):
        load(tmp_path / "absent", indexed)
    with pytest.raises(OutputExists, match="holds notes already"):
        load(file, indexed)
    letter = tmp_path / "letter.txt"
    letter.write_text(f"{CANARY} Dear colleague")
    with pytest.raises(MalformedInput, match="damaged or no backup"):
        load(letter, indexed)
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(MalformedInput, match="damaged or no backup"):
        load(tmp_path / "zip", indexed)


def test_a_backup_of_another_schema_names_both(indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to do."""
    file = tmp_path / "notes.icdbackup"
    monkeypatch.setattr("app.database.backup.dump.revisions", lambda _: ("20990101_0000", None))
    dump(open_engine(indexed), file)
    with pytest.raises(DatabaseOutOfStep, match=r"20990101_0000.*version that made it.*icd-coder migrate"):
        load(file, f"sqlite:///{tmp_path}/new.sqlite3")


def test_jobs_are_in_no_backup(url: str, tmp_path: Path) -> None:
    """Their texts would outlive their results; and a database that has jobs is none to restore into."""
    engine = open_engine(url)
    job = NewJob("j" * 32, "no-auth", "k" * 64, "b" * 64, "r1", datetime.now(UTC))
    with write(engine) as connection:
        add_job(connection, job, [JobLine(id="a", text=CANARY)], reads_notes=True)
    rows = dump(engine, tmp_path / "notes.icdbackup")
    assert [name for name in rows if name.startswith("job")] == []
    with unpacked(tmp_path / "notes.icdbackup") as (folder, _):
        assert CANARY.encode() not in b"".join(path.read_bytes() for path in folder.iterdir())
    with pytest.raises(OutputExists, match="holds jobs already"):
        load(tmp_path / "notes.icdbackup", url)
    engine.dispose()


def test_a_backup_under_write_load_is_one_state(url: str, tmp_path: Path) -> None:
    """Whole batches only, though an indexer writes meanwhile."""
    data = write_dataset(tmp_path / "data", random_documents(160))
    writer = threading.Thread(target=index_into, args=(url, FakeCoder(), data))
    writer.start()
    sizes = []
    while writer.is_alive() or not sizes:
        file = tmp_path / f"{len(sizes)}.icdbackup"
        written = dump(open_engine(url), file)
        assert written["notes"] == written["embeddings"] == written["patients"]
        sizes.append(written["notes"])
    writer.join()
    assert sizes == sorted(sizes)
    assert all(size % 16 == 0 for size in sizes)
    target = f"sqlite:///{tmp_path}/new.sqlite3"
    load(tmp_path / "0.icdbackup", target)
    with open_engine(target).connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Note)) == sizes[0]
    assert verify_index(open_engine(target)).problems == []


def test_an_interrupted_restore_leaves_an_empty_database(
    indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows or none; the next attempt succeeds."""
    file = tmp_path / "notes.icdbackup"
    dump(open_engine(indexed), file)
    target = f"sqlite:///{tmp_path}/new.sqlite3"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("app.database.backup.load._continue_numbers", stop)
        with pytest.raises(KeyboardInterrupt):
            load(file, target)
    assert sum(map(len, rows_of(target).values())) == 1  # its own hash key
    load(file, target)
    assert rows_of(target) == rows_of(indexed)
