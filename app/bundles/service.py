"""Registering, naming and loading bundles, each change with its row in the access log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine

from app.access.caller import Visit
from app.access_log.hash_chain import append
from app.access_log.journal import write_entry
from app.bundles import repository
from app.bundles.open_bundle import BundleOpener, find_bundle, folder_of, open_registered
from app.bundles.repository import BundleRow
from app.database.engine import read, write
from app.errors import (
    BundleRefused,
    DatabaseUnavailable,
    NameTaken,
    NoBundleFolder,
    NoDatabase,
    Overloaded,
    TryLater,
)
from app.inference.worker import Coder
from icd_coder_client.bundles import BundleLoaded, BundlesAnswer, NamedBundle
from model.errors import IcdCoderError

Answer = TypeVar("Answer")


class Exchange(Protocol):
    """The place of the coder that answers."""

    @property
    def bundle_id(self) -> str:
        """Of the one that answers now."""

    async def swap(self, coder: Coder, decided: Callable[[], Awaitable[None]]) -> None:
        """Let another coder answer from now on, as soon as it can and ``decided`` has returned.

        Raises:
            EmbeddingMismatch, DatabaseUnavailable: its neighbours cannot be searched; nothing was changed.
            What ``decided`` raises: nothing was changed.
        """


@dataclass(frozen=True)
class BundleService:
    """The bundles of one folder, named in one database."""

    engine: Engine | None
    folder: Path | None
    opener: BundleOpener | None
    exchange: Exchange
    _loading: set[asyncio.Task[BundleLoaded]] = field(default_factory=set)
    """The load at work, if there is one."""

    async def registered(self) -> BundlesAnswer:
        """The registered bundles, and which one answers.

        Raises:
            NoDatabase, DatabaseUnavailable: there are none, or not now.
        """
        serving = self.exchange.bundle_id
        bundles = await asyncio.to_thread(self._registered, self._database(), serving)
        return BundlesAnswer(bundle_id=serving, bundles=bundles)

    async def register(self, name: str, visit: Visit) -> tuple[NamedBundle, bool]:
        """Verify every file of a folder and keep its bundle_id under its name; and whether the name is new.

        Raises:
            NoBundleFolder, NoDatabase, DatabaseUnavailable: it cannot be kept.
            UnknownBundle: there is no such folder.
            BundleRefused: it is no bundle, or damaged.
            NameTaken: an alias has the name.
        """
        engine, opener = self._database(), self._opener()
        bundle_id = await _unless_refused(name, asyncio.to_thread(opener.identify, self._place(name)))
        return await asyncio.to_thread(self._register, engine, name, bundle_id, visit)

    async def name(self, alias: str, name: str, visit: Visit) -> NamedBundle:
        """Let an alias stand for a registered bundle, named by its name or another alias; what answers stays.

        Raises:
            NoDatabase, DatabaseUnavailable: it cannot be kept.
            UnknownBundle: the name is none of both.
            NameTaken: a bundle has the name of the alias.
        """
        return await asyncio.to_thread(self._name, self._database(), alias, name, visit)

    async def load(self, bundle: str, visit: Visit) -> BundleLoaded:
        """Let a registered bundle answer from now on; requests that have begun end with the one before.

        When the client leaves, the load goes on: the thread that opens the bundle would, too, beside that of the next
        load, and the row of the access log could be there without the swap.

        Raises:
            NoBundleFolder, NoDatabase, DatabaseUnavailable, Overloaded: not here, or not now.
            UnknownBundle: no bundle or alias has the name.
            BundleRefused: it is damaged, another than was registered, or its embeddings are not in the database.
        """
        engine, opener = self._database(), self._opener()
        if self._loading:
            raise Overloaded("a bundle is being loaded already: ask again when it answers")
        load = asyncio.create_task(self._load(engine, opener, bundle, visit))
        self._loading.add(load)
        load.add_done_callback(self._loading.discard)
        return await asyncio.shield(load)

    async def end(self) -> None:
        """Give up the load at work: the service stops."""
        for load in tuple(self._loading):
            load.cancel()
            await asyncio.wait({load})

    async def _load(self, engine: Engine, opener: BundleOpener, bundle: str, visit: Visit) -> BundleLoaded:
        found = await asyncio.to_thread(find_bundle, engine, bundle)
        replaced = self.exchange.bundle_id
        opening = asyncio.to_thread(open_registered, opener, self._place(found.name), found)
        coder = await _unless_refused(found.name, opening)
        log = partial(asyncio.to_thread, write_entry, engine, visit.entry([coder.bundle_id]))
        await _unless_refused(found.name, self.exchange.swap(coder, log))
        return BundleLoaded(
            name=found.name, bundle_id=coder.bundle_id, embedding_id=coder.embedding_id, replaced=replaced
        )

    def _registered(self, engine: Engine, serving: str) -> list[NamedBundle]:
        with read(engine) as connection:
            return [_named(connection, row, serving) for row in repository.registered(connection)]

    def _register(self, engine: Engine, name: str, bundle_id: str, visit: Visit) -> tuple[NamedBundle, bool]:
        row = BundleRow(name, bundle_id, datetime.now(UTC))
        with write(engine) as connection:
            if repository.name_of(connection, name) is not None:
                raise NameTaken(f"'{name}' is an alias: rename the folder, or give the alias another name")
            known = repository.bundle_of(connection, name)
            if known is None or known.bundle_id != bundle_id:
                repository.put_bundle(connection, row)
                append(connection, visit.entry([bundle_id], 200 if known else 201))
            found = repository.bundle_of(connection, name) or row
            return _named(connection, found, self.exchange.bundle_id), known is None

    def _name(self, engine: Engine, alias: str, name: str, visit: Visit) -> NamedBundle:
        with write(engine) as connection:
            if repository.bundle_of(connection, alias) is not None:
                raise NameTaken(f"'{alias}' is a bundle's name: choose another alias")
            row = repository.require_bundle(connection, name)
            repository.put_alias(connection, alias, row.name)  # the word may be an alias itself
            append(connection, visit.entry([row.bundle_id]))
            return _named(connection, row, self.exchange.bundle_id)

    def _place(self, name: str) -> Path:
        return folder_of(self.folder or Path(), name)

    def _opener(self) -> BundleOpener:
        if self.folder is None or self.opener is None:
            raise NoBundleFolder("no bundle can be loaded: start `icd-coder serve` with ICD_CODER_BUNDLES set")
        return self.opener

    def _database(self) -> Engine:
        if self.engine is None:
            raise NoDatabase("names of bundles need a database: start `icd-coder serve --database URL`")
        return self.engine


def _named(connection: Connection, row: BundleRow, serving: str) -> NamedBundle:
    return NamedBundle(
        name=row.name,
        bundle_id=row.bundle_id,
        registered_at=row.registered_at,
        aliases=repository.aliases(connection).get(row.name, []),
        serving=row.bundle_id == serving,
    )


async def _unless_refused(name: str, opening: Awaitable[Answer]) -> Answer:
    """What is opened; an error of the bundle's says that nothing has changed."""
    try:
        return await opening
    except (TryLater, DatabaseUnavailable, BundleRefused):
        raise
    except IcdCoderError as error:
        raise BundleRefused(f"the bundle '{name}' cannot be used, and nothing was changed: {error}") from error
