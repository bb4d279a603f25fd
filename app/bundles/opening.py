"""Opening the bundles of a folder, as the service has opened its first one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app import inference
from app.bundles.names import find_bundle
from app.damaged_labels import require_whole_labels
from app.db import open_engine
from app.inference import Coder
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
            What :func:`app.inference.load_coder` and :func:`app.damaged_labels.require_whole_labels` raise.
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


def named_folder(bundle: Path, settings: Settings) -> Path:
    """The folder of --bundle: a path, or where there is none the name or alias of a registered bundle.

    So a service that is started again by an alias serves what the alias stands for now.

    Raises:
        UnknownBundle: neither.
        DatabaseUnavailable: the database of the names cannot be read.
    """
    if bundle.exists() or settings.bundles is None or settings.database is None or bundle.name != str(bundle):
        return bundle
    engine = open_engine(settings.database)
    try:
        return settings.bundles / find_bundle(engine, bundle.name).name
    finally:
        engine.dispose()
