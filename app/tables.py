"""The tables: patients, notes, assigned codes, bundles, embeddings.

Rows of ``notes`` and ``embeddings`` are inserted and deleted, never changed (only a missing text may be added
later): the neighbour search relies on it to see a change by counting (``app/neighbours/repository.py``).
"""

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, LargeBinary, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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


class AssignedCode(Base):
    """A code that human coders gave a note; ``sequence`` is its priority, from 1."""

    __tablename__ = "assigned_codes"

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
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Embedding(Base):
    """The document embedding of a note: unit row, float16 little-endian, 2 x dimension bytes."""

    __tablename__ = "embeddings"
    # AUTOINCREMENT: an id is never given twice, so (count, highest id) identifies the set of rows.
    __table_args__ = (UniqueConstraint("note_id", "embedding_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    embedding_id: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes] = mapped_column(LargeBinary)
