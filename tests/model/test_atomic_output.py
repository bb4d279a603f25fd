"""Outputs are whole or absent, and a full disk is one sentence."""

import errno
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from model.atomic_output import (
    _remove_abandoned,
    require_free,
    require_no_file,
    staged_directory,
    staged_file,
    sweep_abandoned,
    write_atomically,
)
from model.errors import OutputExists, UnwritableOutput
from model.private_files import GROUP_READABLE


def test_the_directory_appears_with_all_its_files_at_the_end(tmp_path: Path) -> None:
    """Not before, and with nothing beside it."""
    with staged_directory(tmp_path / "out") as staging:
        (staging / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]


def test_the_current_directory_can_be_the_target_when_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "." has no name of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with staged_directory(Path()) as staging:
        (staging / "a").write_text("1")
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "here" / "a").read_text() == "1"


def test_a_target_that_is_filled_meanwhile_is_kept(tmp_path: Path) -> None:
    """The one who comes second is told, and its own files are gone."""

    def overtaken() -> None:
        with staged_directory(tmp_path / "out") as staging:
            (staging / "a").write_text("mine")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "a").write_text("theirs")

    with pytest.raises(OutputExists):
        overtaken()
    assert (tmp_path / "out" / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """For a directory and for a single file, whose old content stays."""

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnwritableOutput, match="no room left"), staged_directory(tmp_path / "out"):
        pass
    with pytest.raises(UnwritableOutput, match="no room left"):
        write_atomically(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    """A fault of the block is not the disk's."""
    with pytest.raises(FileNotFoundError), staged_directory(tmp_path / "out"):
        (tmp_path / "absent").read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(("group", "folder_mode", "mode"), [("", 0o700, 0o600), ("true", 0o750, 0o640)])
def test_a_folder_is_private_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int, group: str, folder_mode: int, mode: int
) -> None:
    """So are its files, the folder above that it needed, and a copy of a folder that was open to all."""
    monkeypatch.setenv(GROUP_READABLE, group)
    (tmp_path / "open").mkdir(mode=0o777)
    before = os.umask(umask)
    try:
        with staged_directory(tmp_path / "made" / "out") as folder:
            shutil.copytree(tmp_path / "open", folder, dirs_exist_ok=True)
            (folder / "inner").mkdir()
            (folder / "inner" / "weights").touch(mode=0o600)
            (folder / "config").touch()
        write_atomically(tmp_path / "made" / "file", b"")
        write_atomically(tmp_path / "made" / "secret", b"", is_secret=True)
    finally:
        os.umask(before)
    made = tmp_path / "made"
    modes = {path.name: path.stat().st_mode & 0o777 for path in [made, *made.rglob("*")]}
    assert modes == {
        **dict.fromkeys(("made", "out", "inner"), folder_mode),
        **dict.fromkeys(("weights", "config", "file"), mode),
        "secret": 0o600,
    }


def test_a_file_is_private_and_replaced_only_when_its_block_ends(tmp_path: Path) -> None:
    """An error leaves the old content, and nothing beside it."""

    def failing() -> None:
        with staged_file(tmp_path / "file") as file:
            file.write(b"half")
            raise RuntimeError

    with staged_file(tmp_path / "file") as file:
        file.write(b"old")
        assert list(tmp_path.glob("file")) == []
    with pytest.raises(RuntimeError):
        failing()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_refused_before_the_work(tmp_path: Path, is_there: bool) -> None:
    """A folder cannot be renamed onto it, so everything would be lost at the end."""
    if is_there:
        (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    began = []
    refusal = pytest.raises(OutputExists, match=r"out' is a link: name the folder that it leads to")
    with refusal, staged_directory(tmp_path / "out"):
        began.append(1)
    assert not began
    with pytest.raises(OutputExists, match="is a link"):
        require_free(tmp_path / "out")
    with pytest.raises(OutputExists, match="is there already"):
        require_no_file(tmp_path / "out")
    (tmp_path / "above").mkdir()
    (tmp_path / "way").symlink_to("above")
    with staged_directory(tmp_path / "way" / "out") as staging:
        (staging / "a").write_text("1")
    assert (tmp_path / "above" / "out" / "a").read_text() == "1"


def test_only_files_and_folders_are_taken_for_abandoned(tmp_path: Path) -> None:
    """A pipe would be waited for, and a link or a socket is none of ours: they stay, the others go."""
    names = [f".out.partial-aaaaaaa{place}" for place in range(5)]
    pipe, address, link, file, folder = (tmp_path / name for name in names)
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
    link.symlink_to(pipe.name)
    file.touch()
    folder.mkdir()
    finished: list[int] = []
    sweeping = threading.Thread(target=lambda: finished.append(sweep_abandoned(tmp_path / "out") or 1), daemon=True)
    sweeping.start()
    sweeping.join(30)
    assert finished == [1]
    assert sorted(path.name for path in tmp_path.iterdir()) == names[:3]


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening."""
    pipe = tmp_path / ".out.partial-aaaaaaaa"
    os.mkfifo(pipe)
    real = Path.lstat
    (tmp_path / "file").touch()
    monkeypatch.setattr(Path, "lstat", lambda self: real(tmp_path / "file" if self == pipe else self))
    finished: list[int] = []
    sweeping = threading.Thread(target=lambda: finished.append(_remove_abandoned(pipe) or 1), daemon=True)
    sweeping.start()
    sweeping.join(30)
    assert finished == [1]
    assert pipe.exists()
