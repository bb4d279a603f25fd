"""A backup file that is none of ours, and what killed backups and restores leave behind."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.database.backup.archive import FORMAT, MANIFEST, pack, unpacked, working_folder
from model.errors import MalformedInput, UnwritableOutput

GOOD: dict[str, Any] = {"format": FORMAT, "revision": "r", "rows": {}, "texts": 0, "sha256": {}}


def archive(file: Path, manifest: object, packing: int = zipfile.ZIP_STORED) -> Path:
    """A zip that is whole, with any manifest."""
    content = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w", packing) as written:
        written.writestr(MANIFEST, content)
        written.comment = hashlib.sha256(content).hexdigest().encode()
    return file


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        [],
        3,
        "x",
        *({name: value for name, value in GOOD.items() if name != left_out} for left_out in GOOD),
        *({**GOOD, name: None} for name in GOOD),
        {**GOOD, "format": 3},
        {**GOOD, "rows": {"notes": "3"}},
        {**GOOD, "sha256": {"../notes.parquet": "0"}},
    ],
)
def test_a_manifest_that_is_not_ours_is_damage(tmp_path: Path, manifest: object) -> None:
    """In one sentence, with nothing left beside the file."""
    file = archive(tmp_path / "b", manifest)
    with pytest.raises(MalformedInput, match="damaged or no backup"), unpacked(file):
        pass
    assert list(tmp_path.iterdir()) == [file]


def test_a_packed_member_is_damage(tmp_path: Path) -> None:
    """Ours are stored, so a backup cannot grow while it is read."""
    file = archive(tmp_path / "b", {**GOOD, "padding": "0" * 100_000}, zipfile.ZIP_DEFLATED)
    with pytest.raises(MalformedInput, match="damaged or no backup"), unpacked(file):
        pass


def test_a_backup_larger_than_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written, with both figures."""

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10))
    with pytest.raises(UnwritableOutput, match=r"0\.0 GB free"), unpacked(archive(tmp_path / "b", GOOD)):
        pass


def test_what_killed_processes_left_is_swept_whatever_the_name(tmp_path: Path) -> None:
    """Yesterday's backup and restore had other names; a folder of a running process stays."""
    (tmp_path / "tables").mkdir()
    for kind in ("backup", "restore"):
        left = tmp_path / f".icd-coder-{kind}.partial-abcd1234"
        left.mkdir()
        (left / "notes.parquet").touch()
    file = tmp_path / "today"
    with working_folder(file) as running:
        pack(tmp_path / "tables", tmp_path / "staged", GOOD)
        with working_folder(tmp_path / "another"), unpacked(tmp_path / "staged"):
            assert running.is_dir()
            assert running.stat().st_mode & 0o777 == 0o700
            assert len(list(tmp_path.glob(".*.partial-*"))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["staged", "tables"]
