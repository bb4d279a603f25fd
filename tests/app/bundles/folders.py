"""A folder of bundles whose coders are fakes: each folder holds the ids of its bundle."""

from pathlib import Path
from typing import Any

from app.access.gate import Gate, OpenGate
from app.settings import load_settings
from app.web.application import create_app
from model.errors import BundleDamaged, MissingInput
from tests.app.fakes import FakeCoder


class FakeOpener:
    """Opens folders with a file ``ids``: a letter of the bundle_id, a letter of the embedding_id, or "damaged"."""

    def __init__(self) -> None:
        self.opened: list[FakeCoder] = []
        self.error: Exception | None = None
        """Of the coders that are opened, at their first note."""

    def identify(self, folder: Path) -> str:
        return self._ids(folder)[0] * 64

    def open(self, folder: Path) -> FakeCoder:
        bundle, embedding = self._ids(folder)
        coder = FakeCoder(embedding * 64)
        coder.bundle_id = bundle * 64
        coder.error = self.error
        self.opened.append(coder)
        return coder

    def _ids(self, folder: Path) -> str:
        file = folder / "ids"
        if not file.is_file():
            raise MissingInput(f"'{folder.name}' is no bundle: make one")
        if file.read_text() == "damaged":
            raise BundleDamaged(f"the file 'ids' of '{folder.name}' differs from its checksum: copy the bundle again")
        return file.read_text()


def put_bundle(folder: Path, name: str, ids: str) -> None:
    """A bundle's folder."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "ids").write_text(ids)


def bundle_app(url: str, coder: FakeCoder, folder: Path, opener: FakeOpener, gate: Gate | None = None) -> Any:
    """The service over a database with a folder of bundles."""
    return create_app(load_settings(database=url, bundles=folder), coder, gate or OpenGate(), None, opener)
