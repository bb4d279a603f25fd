"""Opens bundles: of a path, or by the name or alias under which they are registered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from app.bundles.repository import BundleRow, require_bundle
from app.database.engine import open_engine, read
from app.errors import BundleRefused, UnknownBundle
from app.inference import worker as inference
from app.inference.worker import Coder
from app.settings import Settings
from model.errors import InvalidOption


class BundleOpener(Protocol):
    """Opens a bundle's folder as a coder."""

    def identify(self, folder: Path) -> str:
        """The bundle_id of a folder, after every file was verified.

        Raises:
            MissingInput, BundleDamaged: it is no bundle, or not whole.
        """

    def open(self, folder: Path) -> Coder:
        """The bundle's coder, ready to answer.

        Raises:
            What :func:`app.inference.worker.load_coder` and :func:`require_undamaged_labels` raise.
        """


@dataclass(frozen=True)
class FolderOpener:
    """Opens every bundle on the same device, in the same precision."""

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
        return require_undamaged_labels(coder, folder, self.allow_damaged_labels)


def require_undamaged_labels(coder: Coder, bundle: Path, allowed: bool) -> Coder:
    """The coder, unless its card states a defect of its label space: such a bundle answers with wrong codes.

    The published label space of MIMIC-III is damaged (docs/decisions/0006).

    Raises:
        InvalidOption: the card states a defect, and it is not ``allowed``.
    """
    defect = coder.card.get("label_space_defect")
    if defect and not allowed:
        raise InvalidOption(
            f"'{bundle}' was trained on damaged codes ({defect}): train it on `prepare mimic3 --labels full`, or give "
            "--allow-damaged-labels to use it anyway"
        )
    return coder


def find_bundle(engine: Engine, word: str) -> BundleRow:
    """The registered bundle of a name or an alias.

    Raises:
        UnknownBundle: it is neither.
        DatabaseUnavailable: the database cannot be read.
    """
    with read(engine) as connection:
        return require_bundle(connection, word)


def open_named(opener: BundleOpener, bundle: Path, settings: Settings) -> Coder:
    """The coder of ``--bundle``: a path or, where there is no such path, the name or alias of a registered bundle.

    A service that is started with an alias serves the bundle that the alias stands for at that time.

    Raises:
        UnknownBundle: it is none of these.
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
