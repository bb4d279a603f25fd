"""The folder of a study: its identity, a JSON line for every finished cell, and the counts of each document."""

import fcntl
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import write_atomically
from model.errors import InvalidOption, MalformedInput, MissingInput, UnwritableOutput
from model.private_files import make_folder
from training.study.cell import Cell, Setting

FORMAT = "icd-coder study 1"
IDENTITY, LINES, DOCUMENTS = "study.json", "runs.jsonl", "documents"


@dataclass(frozen=True)
class Run:
    """One finished cell: its line, and the array file of its documents."""

    cell: Cell
    line: dict[str, Any]
    path: Path

    @property
    def figures(self) -> dict[str, float | None]:
        figures: dict[str, float | None] = self.line["figures"]
        return figures

    def documents(self) -> dict[str, np.ndarray]:
        """Arrays by name with one value a judged document."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError) as error:
            raise MalformedInput(f"'{self.path}' is missing or damaged: remove it and run the study again") from error


class Ledger:
    """Finished cells of a study folder; a cell is finished when its line is written, after its arrays."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        self.identity = identity
        self.runs = {run.cell: run for run in _runs(folder)}

    @classmethod
    def opened(cls, folder: Path, identity: dict[str, Any]) -> "Ledger":
        """The study of this folder, made when it is not there.

        Raises:
            InvalidOption: the folder holds a study of other data or of another recipe, or something else.
            UnwritableOutput: it cannot be written to.
        """
        path = folder / IDENTITY
        identity = {"format": FORMAT, **identity}
        if path.is_file():
            _require_equal(folder, _read_identity(folder), identity)
            return cls(folder, identity)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidOption(f"'{folder}' is there and holds no study: remove it or choose another --out")
        try:
            make_folder(folder / DOCUMENTS)
        except OSError as error:
            raise UnwritableOutput(f"cannot write in '{folder}' ({error.strerror}): choose another --out") from error
        write_atomically(path, (json.dumps(identity, indent=2) + "\n").encode())
        return cls(folder, identity)

    @classmethod
    def read(cls, folder: Path) -> "Ledger":
        """The study of a folder that must be there.

        Raises:
            MissingInput: there is none.
        """
        return cls(folder, _read_identity(folder))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes from adding cells while the block runs; what they added before is read first.

        Raises:
            UnwritableOutput: another process is adding cells.
        """
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UnwritableOutput(
                    f"another run is adding to '{self.folder}': wait for it, or choose another --out"
                ) from error
            self.runs = {run.cell: run for run in _runs(self.folder)}
            yield
        finally:
            os.close(handle)  # the lock goes with it

    def add(self, cell: Cell, line: dict[str, Any], documents: dict[str, np.ndarray]) -> None:
        """Keep a finished cell: first its arrays, then its line."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in documents.items()}
        np.savez_compressed(content, **arrays)
        path = self.folder / DOCUMENTS / f"{cell.key}.npz"
        write_atomically(path, content.getvalue())
        setting = cell.setting
        line = {
            "loss": setting.loss,
            "temperature": setting.temperature,
            "lambda": setting.weight,
            "scale": setting.scale,
            "protocol": setting.protocol,
            "pooling": setting.pooling,
            "seed": cell.seed,
            **line,
        }
        with _appended(self.folder / LINES) as file:
            file.write(json.dumps(line) + "\n")
        self.runs[cell] = Run(cell, line, path)


def _read_identity(folder: Path) -> dict[str, Any]:
    path = folder / IDENTITY
    if not path.is_file():
        raise MissingInput(f"'{folder}' holds no study ({IDENTITY} is missing): make one with `icd-coder study losses`")
    try:
        identity = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MalformedInput(f"'{path}' is no JSON: run the study again in another --out") from error
    if not isinstance(identity, dict) or identity.get("format") != FORMAT:
        raise MalformedInput(f"'{path}' is of no study that this version reads: run it again in another --out")
    return identity


def _require_equal(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    old, new = ({**one, **one.get("recipe", {})} for one in (found, wanted))
    for name in sorted(old.keys() | new.keys()):
        if name != "recipe" and old.get(name) != new.get(name):
            raise InvalidOption(
                f"'{folder}' holds a study whose {name} is {old.get(name)}, and this one's is {new.get(name)}: "
                "choose another --out, or the same data and options"
            )


def _runs(folder: Path) -> Iterator[Run]:
    path = folder / LINES
    if not path.is_file():
        return
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not text.endswith("\n"):
            return  # a run that was killed while it wrote; its cell is done again
        try:
            line = json.loads(text)
            pooling = line.get("pooling", "mean")  # lines of earlier versions lack it
            numbers = line["temperature"], line["lambda"]
            setting = Setting(line["loss"], *numbers, line["scale"], line["protocol"], pooling)
            cell = Cell(setting, line["seed"])
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedInput(f"'{path}' has a line that is no run: remove it, and the cell is run again") from error
        yield Run(cell, line, folder / DOCUMENTS / f"{cell.key}.npz")


@contextmanager
def _appended(path: Path) -> Iterator[Any]:
    """The file opened for a line at its end, after a half-written last line is cut off; flushed to disk."""
    if path.is_file():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            write_atomically(path, content[: content.rfind(b"\n") + 1])
    with path.open("a", encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
