"""The queries of bundles; every function runs inside the caller's transaction.

The database has names and aliases of the bundles that can be loaded, and a record of every bundle whose embeddings or
codings it holds.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from app.database.tables import Bundle, BundleAlias, BundleName
from app.errors import UnknownBundle
from app.inference.worker import Coder


class BundleRow(NamedTuple):
    """A registered bundle."""

    name: str
    bundle_id: str
    registered_at: datetime


def registered(connection: Connection) -> list[BundleRow]:
    """All registered bundles, by name."""
    query = select(BundleName.name, BundleName.bundle_id, BundleName.registered_at).order_by(BundleName.name)
    return [BundleRow(*row) for row in connection.execute(query)]


def aliases(connection: Connection) -> dict[str, list[str]]:
    """The aliases of each name that has any, sorted."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for alias, name in connection.execute(select(BundleAlias.alias, BundleAlias.name).order_by(BundleAlias.alias)):
        found[name].append(alias)
    return dict(found)


def bundle_of(connection: Connection, name: str) -> BundleRow | None:
    """The bundle that is registered under a name, or None."""
    query = select(BundleName.name, BundleName.bundle_id, BundleName.registered_at).where(BundleName.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else BundleRow(*row)


def name_of(connection: Connection, alias: str) -> str | None:
    """The name that an alias stands for, or None."""
    return connection.scalar(select(BundleAlias.name).where(BundleAlias.alias == alias))


def require_bundle(connection: Connection, word: str) -> BundleRow:
    """The registered bundle of a name or an alias.

    Raises:
        UnknownBundle: it is neither.
    """
    row = bundle_of(connection, name_of(connection, word) or word)
    if row is None:
        raise UnknownBundle(f"no bundle or alias '{word}' is registered: see GET /v1/bundles")
    return row


def put_bundle(connection: Connection, row: BundleRow) -> None:
    """Register a bundle; it replaces one of the same name."""
    changed = update(BundleName).where(BundleName.name == row.name).values(**row._asdict())
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(BundleName).values(**row._asdict()))


def put_alias(connection: Connection, alias: str, name: str) -> None:
    """Let an alias stand for a registered name."""
    connection.execute(delete(BundleAlias).where(BundleAlias.alias == alias))
    connection.execute(insert(BundleAlias).values(alias=alias, name=name))


def record_bundle(connection: Connection, coder: Coder) -> str:
    """Record the bundle of a coder where it is not yet; the embedding id that is recorded for it.

    A bundle with another ranker can answer from embeddings that another bundle has indexed.
    """
    recorded = connection.scalar(select(Bundle.embedding_id).where(Bundle.bundle_id == coder.bundle_id))
    if recorded is not None:
        return recorded
    values = {
        "bundle_id": coder.bundle_id,
        "embedding_id": coder.embedding_id,
        "dimension": coder.embedding_dim,
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(Bundle).values(values))
    return coder.embedding_id


def is_recorded(connection: Connection, bundle_id: str) -> bool:
    """Whether the bundle has indexed here, or has made a coding or was reviewed."""
    return connection.scalar(select(Bundle.bundle_id).where(Bundle.bundle_id == bundle_id)) is not None
