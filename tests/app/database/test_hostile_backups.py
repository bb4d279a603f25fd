"""A backup that somebody has made to do harm is refused in one sentence, before anything is stored."""

import hashlib
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.database.backup import load as loading
from app.database.backup import table_checks, table_files
from app.database.backup.archive import FORMAT, MANIFEST
from app.database.backup.dump import dump
from app.database.backup.load import load
from app.database.engine import open_engine, write
from app.errors import DatabaseOutOfStep
from model.errors import IcdCoderError, MalformedInput, UnwritableOutput
from tests.app.fakes import CANARY

Parts = dict[str, bytes]
Change = Callable[[Parts, dict[str, Any]], None]


@pytest.fixture
def good(indexed: str, tmp_path: Path) -> Path:
    """A backup of three notes."""
    dump(open_engine(indexed), tmp_path / "good.icdbackup")
    return tmp_path / "good.icdbackup"


def forged(good: Path, change: Change) -> Path:
    """The same backup after a change, with checksums that fit it."""
    with zipfile.ZipFile(good) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop(MANIFEST))
    manifest["sha256"] = {}
    change(parts, manifest)
    manifest["sha256"] |= {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    content = json.dumps(manifest).encode()
    with zipfile.ZipFile(bad := good.with_name("bad.icdbackup"), "w") as archive:
        for name, part in {**parts, MANIFEST: content}.items():
            archive.writestr(name, part)
        archive.comment = hashlib.sha256(content).hexdigest().encode()
    return bad


def table(name: str, change: Callable[[pa.Table], pa.Table]) -> Change:
    def replace(parts: Parts, _: dict[str, Any]) -> None:
        written = io.BytesIO()
        pq.write_table(change(pq.read_table(io.BytesIO(parts[f"{name}.parquet"]))), written, compression="zstd")
        parts[f"{name}.parquet"] = written.getvalue()

    return replace


def column(name: str, values: Callable[[pa.ChunkedArray], list[Any]], kind: pa.DataType | None = None) -> Any:
    """Replace a column; of its own type unless told."""

    def replace(found: pa.Table) -> pa.Table:
        place = found.schema.get_field_index(name)
        made = pa.array(values(found[name]), kind or found[name].type)
        return found.set_column(place, name, made)

    return replace


def part(name: str, content: bytes) -> Change:
    return lambda parts, _: parts.update({name: content})


def listed(**values: Any) -> Change:
    return lambda _, manifest: manifest.update(values)


def first(value: object) -> Callable[[pa.ChunkedArray], list[Any]]:
    return lambda column: [value, *column.to_pylist()[1:]]


def drop(name: str) -> Change:
    def remove(parts: Parts, _: dict[str, Any]) -> None:
        del parts[name]

    return remove


HOSTILE: dict[str, Change] = {
    "no parquet": part("notes.parquet", b"PAR1 no"),
    "an empty table": part("codings.parquet", b""),
    "a broken footer": part("reviews.parquet", b"PAR1" + b"\x07" * 40 + b"\x20\0\0\0PAR1"),
    "a column too many": table("notes", lambda t: t.append_column("more", pa.array(["x"] * len(t)))),
    "a column less": table("notes", lambda t: t.drop(["text_hash"])),
    "columns in another order": table("notes", lambda t: t.select(t.column_names[::-1])),
    "numbers as ids": table("notes", column("note_id", lambda c: list(range(len(c))), pa.int64())),
    "words as times": table("notes", column("stored_at", lambda c: [CANARY] * len(c), pa.string())),
    "packed ids": table("patients", lambda t: t.set_column(1, "subject_id", t["subject_id"].dictionary_encode())),
    "bytes that are no text": table(
        "notes",
        lambda t: t.set_column(
            t.schema.get_field_index("source"),
            "source",
            pa.Array.from_buffers(
                pa.large_string(), len(t), pa.array([b"\xff\xfe"] * len(t), pa.large_binary()).buffers()
            ),
        ),
    ),
    "a vector of odd length": table("embeddings", column("vector", first(b"abc"))),
    "no vector": table("embeddings", column("vector", first(None))),
    "a vector of one value": table("embeddings", column("vector", lambda c: [b"\0\0"] * len(c))),
    "short vectors that say so": table(
        "embeddings",
        lambda t: column("dimension", lambda c: [1] * len(c))(column("vector", lambda c: [b"\0\0"] * len(c))(t)),
    ),
    "half a code": table("embeddings", column("codes", first(b"\0" * 12))),
    "codes in no order": table("embeddings", column("codes", first(struct.pack("<ifif", 5, 0.6, 2, 0.8)))),
    "a code of no code set": table("embeddings", column("codes", first(struct.pack("<if", 2**30, 1.0)))),
    "a code without a number": table("embeddings", column("codes", first(struct.pack("<if", 1, float("nan"))))),
    "an embedding of no bundle": table("embeddings", column("embedding_id", first("0" * 64))),
    "no id": table("notes", column("note_id", first(None))),
    "one id twice": table("notes", column("note_id", lambda c: ["n1"] * len(c))),
    "a reference to nothing": table("assigned_codes", column("note_id", first(99))),
    "a note over the limit": table("notes", column("text", first("A" * 1_000_001))),
    "rows that are not there": lambda _, manifest: manifest["rows"].update(notes=10**30),
    "true for numbers": lambda _, manifest: manifest.update(rows=dict.fromkeys(manifest["rows"], True)),
    "a row number less": lambda _, manifest: manifest["rows"].pop("notes"),
    "texts that are not counted": listed(texts=0),
    "fewer than no texts": listed(texts=-1),
    "a table that is not listed": drop("reviews.parquet"),
    "a member of no table": part("jobs.parquet", b"x"),
    "a parent folder": part("..", b""),
    "a listed parent folder": listed(sha256={"..": "x"}),
    "a place above": part("../evil.parquet", b"x"),
    "an absolute place": part("/tmp/evil.parquet", b"x"),  # noqa: S108 - a name in an archive
    "a folder": part("evil/", b""),
    "a name of 300 letters": part("a" * 300 + ".parquet", b"x"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_forged_backup_is_refused_and_nothing_is_stored(good: Path, tmp_path: Path, what: str) -> None:
    """Its checksums fit, so only its content can tell."""
    bad = forged(good, HOSTILE[what])
    target = tmp_path / "new.sqlite3"
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(MalformedInput, match=r"bad\.icdbackup' (is damaged|does not hold)"):
        load(bad, f"sqlite:///{target}")
    assert {path.name for path in tmp_path.iterdir()} - before <= {"new.sqlite3"}
    if target.exists():  # refused by the database itself, which is left empty
        load(good, f"sqlite:///{target}")


def test_no_list_of_members_is_damage(good: Path, tmp_path: Path) -> None:
    """Though all parts are in the file."""
    content = json.dumps(
        {"format": FORMAT, "revision": loading.newest_revision(), "rows": {}, "texts": 0, "sha256": {}}
    ).encode()
    with zipfile.ZipFile(good) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    for held in ({}, parts):
        with zipfile.ZipFile(tmp_path / "bad.icdbackup", "w") as archive:
            for name, part in {**held, MANIFEST: content}.items():
                archive.writestr(name, part)
            archive.comment = hashlib.sha256(content).hexdigest().encode()
        with pytest.raises(MalformedInput, match="is damaged"):
            load(tmp_path / "bad.icdbackup", f"sqlite:///{tmp_path}/new.sqlite3")
    assert not (tmp_path / "new.sqlite3").exists()


def test_another_version_is_named_though_its_tables_differ(good: Path, tmp_path: Path) -> None:
    """Damage is not what is wrong with it."""

    def older(parts: Parts, manifest: dict[str, Any]) -> None:
        del parts["review_actions.parquet"]
        manifest["revision"] = "20200101_0000"

    with pytest.raises(DatabaseOutOfStep, match="20200101_0000"):
        load(forged(good, older), f"sqlite:///{tmp_path}/new.sqlite3")


def repeated(length: int, rows: int) -> Change:
    """One text in many notes, which parquet keeps once."""

    def change(parts: Parts, manifest: dict[str, Any]) -> None:
        notes = pq.read_table(io.BytesIO(parts["notes.parquet"])).slice(0, 1)
        many = pa.concat_tables([notes] * rows)
        many = column("id", lambda c: list(range(1, len(c) + 1)))(many)
        many = column("note_id", lambda c: [f"n{i}" for i in range(len(c))])(many)
        many = column("text", lambda c: ["A" * length] * len(c))(many)
        written = io.BytesIO()
        pq.write_table(many, written, compression="zstd")
        parts["notes.parquet"] = written.getvalue()
        manifest["rows"]["notes"] = manifest["texts"] = rows

    return change


def test_a_small_file_that_unpacks_to_much_is_refused(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what it would become; a real backup becomes no more than a few times its size."""
    monkeypatch.setattr(loading, "SMALL", 1_000_000)
    bad = forged(good, repeated(900_000, 40))
    assert bad.stat().st_size < 100_000
    with pytest.raises(MalformedInput, match=r"bad\.icdbackup' would unpack to 0\.0 GB, over 100 times its size"):
        load(bad, f"sqlite:///{tmp_path}/new.sqlite3")
    assert not (tmp_path / "new.sqlite3").exists()


def test_a_backup_that_does_not_fit_on_the_disk_unpacked_is_refused(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the database is filled: its parts fit, its rows do not."""

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1_000_000))
    with pytest.raises(UnwritableOutput, match=r"free, the rows of 'bad\.icdbackup' need up to 0\.1 GB"):
        load(forged(good, repeated(900_000, 40)), f"sqlite:///{tmp_path}/new.sqlite3")
    assert not (tmp_path / "new.sqlite3").exists()


def test_batches_are_bounded_by_bytes(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated text is unpacked for a few rows at a time, and the rows are the same."""
    parts: Parts = {}
    manifest: dict[str, Any] = {"rows": {}}
    with zipfile.ZipFile(good) as archive:
        parts["notes.parquet"] = archive.read("notes.parquet")
    repeated(1_000, 50)(parts, manifest)
    monkeypatch.setattr(table_files, "BATCH_BYTES", 10_000)
    with pq.ParquetFile(io.BytesIO(parts["notes.parquet"])) as file:
        found = list(table_files.batches(file))
    assert max(batch.nbytes for batch in found) <= 10_000
    assert pa.Table.from_batches(found).equals(pq.read_table(io.BytesIO(parts["notes.parquet"])))


def test_a_group_larger_than_a_backup_writes_is_refused_unread(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value could be as large as its group."""
    monkeypatch.setattr(table_checks, "LARGEST_GROUP", 100_000)
    read: list[object] = []
    monkeypatch.setattr(table_checks, "batches", lambda file: read.append(file) or table_files.batches(file))
    with pytest.raises(MalformedInput, match="is damaged"):
        load(forged(good, table("notes", column("text", first("A" * 200_000)))), f"sqlite:///{tmp_path}/new.sqlite3")
    assert not any("text" in file.schema_arrow.names for file in read)  # type: ignore[attr-defined]


def test_long_texts_are_written_in_small_groups(indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a restore can bound what it reads."""
    monkeypatch.setattr(table_files, "GROUP_CHARACTERS", 10)
    dump(open_engine(indexed), tmp_path / "b.icdbackup")
    with zipfile.ZipFile(tmp_path / "b.icdbackup") as archive:
        notes = pq.ParquetFile(io.BytesIO(archive.read("notes.parquet")))
    assert notes.metadata.num_row_groups == notes.metadata.num_rows == 3
    load(tmp_path / "b.icdbackup", f"sqlite:///{tmp_path}/new.sqlite3")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE embeddings SET vector = X'0000' WHERE note_id = 2",
        "UPDATE embeddings SET embedding_id = 'f' WHERE note_id = 3",
        "UPDATE notes SET text = printf('%.*c', 1000001, 'x') WHERE id = 1",
    ],
)
def test_a_backup_that_no_restore_would_take_is_not_written(indexed: str, tmp_path: Path, damage: str) -> None:
    """The operator hears of it while the database is still there."""
    engine = open_engine(indexed)
    with write(engine) as connection:
        connection.execute(text(damage))
    with pytest.raises(MalformedInput, match="is damaged, and a restore would refuse its backup: run `icd-coder ver"):
        dump(engine, tmp_path / "b.icdbackup")
    assert not list(tmp_path.glob("*backup*"))


def test_no_refusal_holds_a_word_of_a_note(good: Path, tmp_path: Path) -> None:
    """Whatever is wrong beside the notes."""
    for what in ("numbers as ids", "words as times", "one id twice", "no id"):
        with pytest.raises(IcdCoderError) as caught:
            load(forged(good, HOSTILE[what]), f"sqlite:///{tmp_path}/{what}.sqlite3")
        assert CANARY not in repr(caught.value)
