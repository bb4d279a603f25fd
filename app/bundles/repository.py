"""The queries of bundle names; every function runs inside the caller's transaction."""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from app.database.tables import BundleAlias, BundleName


class BundleRow(NamedTuple):
    """A registered bundle."""

    name: str
    bundle_id: str
    registered_at: datetime


def registered(connection: Connection) -> list[BundleRow]:
    """All, by name."""
    query = select(BundleName.name, BundleName.bundle_id, BundleName.registered_at).order_by(BundleName.name)
    return [BundleRow(*row) for row in connection.execute(query)]


def aliases(connection: Connection) -> dict[str, list[str]]:
    """The aliases of each name that has some, in their order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for alias, name in connection.execute(select(BundleAlias.alias, BundleAlias.name).order_by(BundleAlias.alias)):
        found[name].append(alias)
    return dict(found)


def bundle_of(connection: Connection, name: str) -> BundleRow | None:
    """The bundle of a name, or None."""
    query = select(BundleName.name, BundleName.bundle_id, BundleName.registered_at).where(BundleName.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else BundleRow(*row)


def name_of(connection: Connection, alias: str) -> str | None:
    """What an alias stands for, or None."""
    return connection.scalar(select(BundleAlias.name).where(BundleAlias.alias == alias))


def put_bundle(connection: Connection, row: BundleRow) -> None:
    """Register a bundle, also in the place of another one of its name."""
    changed = update(BundleName).where(BundleName.name == row.name).values(**row._asdict())
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(BundleName).values(**row._asdict()))


def put_alias(connection: Connection, alias: str, name: str) -> None:
    """Let an alias stand for a registered name."""
    connection.execute(delete(BundleAlias).where(BundleAlias.alias == alias))
    connection.execute(insert(BundleAlias).values(alias=alias, name=name))
