"""Files are private whatever the umask, and what is wider is named with its remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import InvalidOption
from model.private_files import GROUP_READABLE, exposed, make_file, make_folder, withheld


@pytest.mark.parametrize("written", ["maybe", "2", "true,"])
def test_a_word_that_is_neither_true_nor_false_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """A typing error must open nothing, and not be passed over."""
    monkeypatch.setenv(GROUP_READABLE, written)
    with pytest.raises(InvalidOption, match=GROUP_READABLE):
        withheld()


@pytest.mark.parametrize(("group", "folder", "file"), [("no", 0o700, 0o600), ("1", 0o750, 0o640)])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_file_and_a_folder_have_their_mode_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int, group: str, folder: int, file: int
) -> None:
    """What is there already is left as it is."""
    monkeypatch.setenv(GROUP_READABLE, group)
    tmp_path.chmod(0o755)
    before = os.umask(umask)
    try:
        for _ in range(2):
            make_folder(tmp_path / "a" / "b")
            make_file(tmp_path / "a" / "file")
    finally:
        os.umask(before)
    modes = [(tmp_path / part).stat().st_mode & 0o777 for part in (".", "a", "a/b", "a/file")]
    assert modes == [0o755, folder, folder, file]


@pytest.mark.parametrize(
    ("folder", "file", "group", "told"),
    [
        (0o755, 0o644, "", "go-rwx"),
        (0o755, 0o640, "", "go-rwx"),
        (0o755, 0o604, "true", "o-rwx"),
        (0o755, 0o640, "true", None),
        (0o755, 0o600, "", None),
        (0o700, 0o644, "", None),
        (0o750, 0o604, "", None),  # the group may pass but not read, others may read but not pass
        (0o711, 0o644, "", "go-rwx"),
    ],
)
def test_what_others_can_reach_and_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: int, file: int, group: str, told: str | None
) -> None:
    """Also by a link, from a folder that names it; the sentence holds the command that closes it."""
    for above in (tmp_path, *tmp_path.parents):
        if above.name.startswith(("pytest-", "popen-", "test_")):  # pytest closes its own folders
            above.chmod(0o755)
    monkeypatch.setenv(GROUP_READABLE, group)
    data, links = tmp_path / "data", tmp_path / "links"
    data.mkdir()
    links.mkdir()
    (data / "notes").touch()
    (data / "gone").symlink_to("absent")
    (links / "notes").symlink_to(data / "notes")
    (data / "notes").chmod(file)
    data.chmod(folder)
    wanted = [] if told is None else [f"chmod -R {told} '{path}'" for path in (data, data / "notes", links)]
    found = exposed([data, data / "notes", links, tmp_path / "absent"])
    assert [sentence.partition("run `")[2].rstrip("`") for sentence in found] == wanted


def test_every_verb_makes_private_files_and_no_core_dump() -> None:
    """A program that starts one with the umask of most shells, and cores allowed, finds neither in its process."""
    look = "import os, resource; print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_CORE))"
    program = f"import atexit, sys, icd_coder; atexit.register(lambda: exec({look!r})); icd_coder.main()"
    done = subprocess.run(
        ["bash", "-c", 'umask 022; exec "$@"', "bash", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "0o77 (0, 0)"
