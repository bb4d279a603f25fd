"""The tables: patients, notes, assigned codes, bundles, embeddings, codings, reviews; jobs; names; keys, access log.

Rows of ``notes`` and ``embeddings`` are inserted and deleted, never changed (only a missing text may be added
later): the neighbour search relies on it to read only what is new (``app/neighbours/sqlite_candidates.py``).
"""

from datetime import datetime

import numpy as np
from sqlalchemy import Double, ForeignKey, Index, LargeBinary, MetaData, String, Text, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database.column_types import HalfVector, SparseVector, UtcDateTime
from model.code_vectors import CodeVector

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Names every constraint by one convention, so that later revisions can address them."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class HashKey(Base):
    """The one random key of this database under which note texts are hashed (HMAC-SHA256).

    A plain hash would let two databases be joined, or a known text be recognised in one that stores no text.
    """

    __tablename__ = "hash_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(32))


class Patient(Base):
    """A pseudonymous patient."""

    __tablename__ = "patients"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(200), unique=True)


class Note(Base):
    """A discharge summary; its text is stored only when the operator asks for it."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[str] = mapped_column(String(200), unique=True)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patients.id"), index=True)
    split: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(200))
    text: Mapped[str | None] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(64))
    """HMAC-SHA256 of the text in UTF-8 under the database's key, hex."""
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was stored; None for rows older than this column."""


class AssignedCode(Base):
    """A code that human coders gave a note; ``sequence`` is its priority, from 1."""

    __tablename__ = "assigned_codes"
    __table_args__ = (Index(None, "system", "code"),)

    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(Text)


class Bundle(Base):
    """A bundle that has indexed into this database."""

    __tablename__ = "bundles"

    bundle_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    embedding_id: Mapped[str] = mapped_column(String(64), index=True)
    dimension: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Embedding(Base):
    """A note by one encoder: its document embedding, a unit row rounded to float16, and its codes, a sparse one."""

    __tablename__ = "embeddings"
    # AUTOINCREMENT: an id is never given twice, so a row above the highest known id is new.
    __table_args__ = (UniqueConstraint("note_id", "embedding_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    embedding_id: Mapped[str] = mapped_column(String(64))
    dimension: Mapped[int]
    vector: Mapped[np.ndarray] = mapped_column(HalfVector)
    codes: Mapped[CodeVector | None] = mapped_column(SparseVector)
    """The note as its codes; None where the bundle had none to write, or was of an earlier version."""
    codes_predicted: Mapped[bool] = mapped_column(server_default=false())
    """Whether they are the bundle's predictions, for a note without assigned codes."""


class EmbeddingChanges(Base):
    """One row, whose ``version`` triggers raise whenever embeddings come or go: counting 331,000 rows takes longer
    than searching them.
    """

    __tablename__ = "embedding_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]


class DatabaseId(Base):
    """One row, whose ``token`` was drawn when this database was made; a restored backup has its own.

    Equal versions of ``embedding_changes`` mean equal embeddings in one database only.
    """

    __tablename__ = "database_ids"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32))


class Coding(Base):
    """What one bundle suggested for a stored note at one time."""

    __tablename__ = "codings"

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), index=True)
    bundle_id: Mapped[str] = mapped_column(ForeignKey("bundles.bundle_id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RankedCode(Base):
    """A code of a coding; ``rank`` counts from 1."""

    __tablename__ = "ranked_codes"

    coding_id: Mapped[int] = mapped_column(ForeignKey("codings.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(20))
    probability: Mapped[float] = mapped_column(Double)
    selected: Mapped[bool]


class Review(Base):
    """What one reviewer did to the codes of a note at one time; triggers refuse to change a row, or to delete one
    whose note is there.
    """

    __tablename__ = "reviews"
    # AUTOINCREMENT: an id is never given twice, so who has read up to an id has missed nothing.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's name and form

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), index=True)
    bundle_id: Mapped[str] = mapped_column(ForeignKey("bundles.bundle_id"), index=True)
    """The bundle whose suggestions were reviewed."""
    who: Mapped[str] = mapped_column(String(40))
    """A key's id, or no-auth."""
    reviewer: Mapped[str] = mapped_column(String(100))
    """The key's name, or the name that the request gave."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ReviewAction(Base):
    """One step of a review; ``sequence`` counts from 1."""

    __tablename__ = "review_actions"

    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(10))
    """accept, reject, add or reorder."""
    system: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(20))
    position: Mapped[int | None]
    """Place in the list from 1, of add and reorder."""


class Job(Base):
    """Notes that were handed in together, to be coded one after the other when nobody else is waiting.

    An item is waiting exactly when it has no result: items are coded in their order, and ``done`` counts them in the
    transaction of each result. No backup holds jobs (``app/database/backup/table_files.py``).
    """

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("who", "key_hash"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    """In the order in which they were handed in, which is that of the work."""
    job_id: Mapped[str] = mapped_column(String(32), unique=True)
    """What it is called outside."""
    who: Mapped[str] = mapped_column(String(40))
    """A key's id, a subject's pseudonym, or no-auth."""
    key_hash: Mapped[str] = mapped_column(String(64))
    """HMAC-SHA256 of the caller's Idempotency-Key under the database's key, hex; so of the body below."""
    body_hash: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    cancelled: Mapped[bool]
    total: Mapped[int]
    done: Mapped[int]
    """Items that have a result; the next one is the item with ``sequence`` done + 1."""
    failed: Mapped[int]
    """Those of them whose result is a problem."""
    starts: Mapped[int] = mapped_column(server_default="0")
    """Processes in a row whose first note was the next item, none of which has stored its result."""


class JobItem(Base):
    """A note of a job; ``sequence`` is its line in the file, from 1."""

    __tablename__ = "job_items"
    __table_args__ = (UniqueConstraint("job_id", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    sequence: Mapped[int]
    item_id: Mapped[str] = mapped_column(String(200))
    """The caller's id of the note."""
    request: Mapped[str | None] = mapped_column(Text)
    """The text and its options as JSON; erased in the transaction of the result, or of the job's end."""


class JobResult(Base):
    """What came of an item, without a word of its note; an item has one, by the primary key."""

    __tablename__ = "job_results"

    item_id: Mapped[int] = mapped_column(ForeignKey("job_items.id", ondelete="CASCADE"), primary_key=True)
    failed: Mapped[bool]
    content: Mapped[str] = mapped_column(Text)
    """The answer, or the problem of a failed item, as JSON in ASCII."""


class BundleName(Base):
    """A bundle of the service's folder of bundles, by the name of its own folder there."""

    __tablename__ = "bundle_names"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    bundle_id: Mapped[str] = mapped_column(String(64))
    """What was there when it was registered; another one is not served under this name."""
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BundleAlias(Base):
    """Another word for a name, which can be given to another one."""

    __tablename__ = "bundle_aliases"

    alias: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("bundle_names.name"))


class KeySecret(Base):
    """One row as soon as there are keys: which secret they were made with, to be told from another one."""

    __tablename__ = "key_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """HMAC-SHA256 of a constant under the secret, hex; the secret itself is never in the database."""


class ApiKey(Base):
    """An access key without its secret part; rows are revoked, never deleted."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    """The part of the key that may be shown, and by which it is looked up."""
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(200))
    """Sorted, with commas."""
    tag: Mapped[bytes] = mapped_column(LargeBinary(32))
    """HMAC-SHA256 of id, secret part, scopes and expiry under the server's secret."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AccessLogRow(Base):
    """Who did what to which notes; triggers refuse to change or delete a row (``app/access_log/hash_chain.py``)."""

    __tablename__ = "access_log"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, without gaps."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(32))
    who: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(100))
    note_ids: Mapped[str] = mapped_column(Text)
    """A JSON list of pseudonymous ids."""
    status: Mapped[int | None]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
