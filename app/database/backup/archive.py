"""The backup file: a zip of one parquet file a table, a manifest with their SHA-256, and the manifest's own.

Nothing in it depends on the engine. The file holds patient data and can be read by its owner only.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from model.atomic_output import require_no_file, scratch_directory
from model.errors import MalformedInput, MissingInput, UnwritableOutput
from model.private_files import set_modes

FORMAT = "icd-coder backup 1"
MANIFEST = "manifest.json"
MEMBER = re.compile(r"[a-z_]{1,60}\.parquet")
LARGEST_MANIFEST = 1_000_000
"""Bytes; it has a line for each table."""


DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    struct.error,
    pa.ArrowException,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # a flipped bit says that a member is encrypted
)
"""What the readers of zip, JSON and parquet raise for bytes that are not theirs."""


@contextmanager
def working_folder(target: Path) -> Iterator[Path]:
    """A private folder beside the target, which is removed at the end.

    Raises:
        OutputExists: the target is there.
        UnwritableOutput: nothing can be written there, or the disk is full.
    """
    require_no_file(target)
    try:
        with scratch_directory(target.with_name("icd-coder-backup")) as folder:
            yield folder
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write '{target}' ({error.strerror}): free some room, mend its permissions or choose another --out"
        ) from None


def pack(folder: Path, target: Path, manifest: Mapping[str, Any]) -> None:
    """Write the parquet files of the folder and the manifest as one file, beside and then renamed."""
    members = sorted(folder.glob("*.parquet"))
    digests = {member.name: _sha256(member) for member in members}
    content = json.dumps({"format": FORMAT, **manifest, "sha256": digests}, indent=1).encode()
    staged = folder / "staged"
    with zipfile.ZipFile(staged, "w", zipfile.ZIP_STORED) as archive:
        for member in members:
            archive.write(member, member.name)
            member.unlink()
        archive.writestr(MANIFEST, content)
        archive.comment = hashlib.sha256(content).hexdigest().encode()
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    set_modes(staged)
    staged.rename(target)


@contextmanager
def unpacked(source: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A private temporary folder with the parquet files of a backup, all checked, and the manifest.

    Raises:
        MissingInput: no such file.
        MalformedInput: it is no backup, or a byte of it has changed.
        UnwritableOutput: its parts do not fit on the disk.
    """
    if not source.is_file():
        raise MissingInput(f"the backup '{source}' is not there: name a file that `icd-coder backup` wrote")
    with scratch_directory(source.with_name("icd-coder-restore")) as folder:
        with damage_named(source):
            manifest = _extract(source, folder)
        yield folder, manifest


@contextmanager
def damage_named(source: Path) -> Iterator[None]:
    """Turn whatever the block's readers say of a changed or forged file into one sentence.

    Raises:
        MalformedInput: the file is damaged.
    """
    try:
        yield
    except DAMAGE:
        raise damaged(source) from None
    except OSError as error:
        # Those of pyarrow have no number; EINVAL is a changed place to read from, before the file's beginning.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise damaged(source) from None


def _extract(source: Path, folder: Path) -> dict[str, Any]:
    with zipfile.ZipFile(source) as archive:
        _require_room(archive, source, folder)
        content = archive.read(MANIFEST)
        if hashlib.sha256(content).hexdigest().encode() != archive.comment:
            raise damaged(source)
        manifest = _parsed(content, source)
        if sorted(archive.namelist()) != sorted([*manifest["sha256"], MANIFEST]):
            raise damaged(source)
        for member, digest in manifest["sha256"].items():
            if not MEMBER.fullmatch(member):
                raise damaged(source)
            archive.extract(member, folder)
            if _sha256(folder / member) != digest:
                raise damaged(source)
    return manifest


def _require_room(archive: zipfile.ZipFile, source: Path, folder: Path) -> None:
    """Raise unless the members are as large as they stand in the file, and fit on the disk."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise damaged(source)  # ours are stored: a packed one could fill the disk or the memory
    if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise damaged(source)
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
    if needed > free:
        raise UnwritableOutput(
            f"'{folder.parent}' has {free / 1e9:.1f} GB free, the parts of '{source.name}' need {needed / 1e9:.1f} GB: "
            "free some room, or copy the backup to a larger disk"
        )


def _parsed(content: bytes, source: Path) -> dict[str, Any]:
    """The manifest, with all that a restore reads of it."""
    manifest = json.loads(content)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), str):
        raise damaged(source)
    if manifest["format"] != FORMAT:
        raise MalformedInput(f"'{source}' is a '{manifest['format']}', this version reads '{FORMAT}': update icd-coder")
    kinds = {"revision": str, "rows": dict, "texts": int, "sha256": dict}
    if not all(isinstance(manifest.get(name), kind) for name, kind in kinds.items()):
        raise damaged(source)
    if not all(type(rows) is int for rows in manifest["rows"].values()):  # true is an int, too
        raise damaged(source)
    return manifest


def damaged(source: Path) -> MalformedInput:
    """The one sentence for a file that no backup wrote, or that has changed."""
    return MalformedInput(f"'{source}' is damaged or no backup (its checksums do not fit): use another backup")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
