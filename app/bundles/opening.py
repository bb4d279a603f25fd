"""Opening the bundles of a folder, as the service has opened its first one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.bundles.damaged_labels import require_whole_labels
from app.bundles.names import find_bundle
from app.bundles.repository import BundleRow
from app.database.engine import open_engine
from app.errors import BundleRefused, UnknownBundle
from app.inference import worker as inference
from app.inference.worker import Coder
from app.settings import Settings


class BundleOpener(Protocol):
    """What makes a coder of a folder."""

    def identify(self, folder: Path) -> str:
        """The bundle_id of a folder of which every file was verified.

        Raises:
            MissingInput, BundleDamaged: it is no bundle, or not whole.
        """

    def open(self, folder: Path) -> Coder:
        """The bundle's coder, ready to answer.

        Raises:
            What :func:`app.inference.worker.load_coder` and
            :func:`app.bundles.damaged_labels.require_whole_labels` raise.
        """


@dataclass(frozen=True)
class FolderOpener:
    """Opens every bundle in the same way."""

    device: str
    precision: str
    threads: int
    allow_damaged_labels: bool

    def identify(self, folder: Path) -> str:
        """See :meth:`BundleOpener.identify`."""
        return inference.identify_bundle(folder)

    def open(self, folder: Path) -> Coder:
        """See :meth:`BundleOpener.open`."""
        coder = inference.load_coder(folder, self.device, self.precision, self.threads)
        return require_whole_labels(coder, folder, self.allow_damaged_labels)


def open_named(opener: BundleOpener, bundle: Path, settings: Settings) -> Coder:
    """The coder of --bundle: of a path, or where there is none of the name or alias of a registered bundle.

    So a service that is started again by an alias serves what the alias stands for now.

    Raises:
        UnknownBundle: neither.
        BundleRefused: the folder holds another bundle than was registered under its name.
        DatabaseUnavailable: the database of the names cannot be read.
        What :meth:`BundleOpener.open` raises.
    """
    if bundle.exists() or settings.bundles is None or settings.database is None or bundle.name != str(bundle):
        return opener.open(bundle)
    engine = open_engine(settings.database)
    try:
        found = find_bundle(engine, bundle.name)
    finally:
        engine.dispose()
    return open_registered(opener, folder_of(settings.bundles, found.name), found)


def open_registered(opener: BundleOpener, folder: Path, registered: BundleRow) -> Coder:
    """The coder of the folder of a registered bundle.

    Raises:
        BundleRefused: the folder holds another bundle.
        What :meth:`BundleOpener.open` raises.
    """
    coder = opener.open(folder)
    if coder.bundle_id != registered.bundle_id:
        raise BundleRefused(
            f"the folder '{registered.name}' holds another bundle than was registered: register it again"
        )
    return coder


def folder_of(bundles: Path, name: str) -> Path:
    """The folder of a name, which has no separator; a link could lead anywhere and is none.

    Raises:
        UnknownBundle: there is no such folder.
    """
    folder = bundles / name
    if folder.is_symlink() or not folder.is_dir():
        raise UnknownBundle(f"the service's folder of bundles has no folder '{name}': copy the bundle there first")
    return folder
