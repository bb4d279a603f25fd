"""What stops a start: one sentence on standard error, exit code 2, and no port that stays open."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import icd_coder
from app.access.key_secret import open_secret
from app.database.engine import migrate, open_engine
from app.settings import load_settings
from tests.factories import save_tiny_bundle

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Start]:
    """`serve` with a bundle, a database that keys can be in, and their secret; options and settings change that.

    What it gives back is what was said on standard error, where the exit code is 2 and nothing else was said.
    """
    save_tiny_bundle(tmp_path / "bundle")
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    (tmp_path / "secret").write_text("s" * 64)
    open_secret(open_engine(url), load_settings(key_secret_file=tmp_path / "secret"))
    usual = {"ICD_CODER_DATABASE": url, "ICD_CODER_KEY_SECRET_FILE": str(tmp_path / "secret")}

    def run(*options: str, **settings: str) -> str:
        for name, value in (usual | settings).items():
            monkeypatch.setenv(name, value)
        bundle = [] if "--bundle" in options else ["--bundle", str(tmp_path / "bundle")]
        words = ["icd-coder", "serve", *bundle, "--port", "0", *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stopped:
            icd_coder.main()
        out, err = capsys.readouterr()
        if stopped.value.code == 0:
            return out
        assert stopped.value.code == 2
        assert out == ""
        return err

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A volume with a database on it, mounted read-only."""
    folder = tmp_path / "volume"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here: run as root")
    try:
        migrate(f"sqlite:///{folder}/notes.sqlite3")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def one_sentence(said: str) -> str:
    """What stopped the start."""
    [line] = said.splitlines()
    assert line.startswith("icd-coder: ")
    return line


def test_it_would_start(start: Start) -> None:
    """As it is, nothing is wrong."""
    assert "the secret fits the database" in start("--check")


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (["--bundle", "{f}/none"], {}, "'{f}/none' is no bundle (manifest.json is missing)"),
        ([], {"ICD_CODER_DATABASE": "sqlite:///{f}/none.sqlite3"}, "the database '{f}/none.sqlite3' is not there"),
        (
            [],
            {"ICD_CODER_DATABASE": "postgresql+psycopg://coder@/notes?host={f}"},
            "cannot be reached: start the server",
        ),
        (
            [],
            {"ICD_CODER_DATABASE": "postgresql+psycopg://coder@/notes?host={f}&password_file={f}/none"},
            "the database's password cannot be read from '{f}/none' (No such file or directory)",
        ),
        ([], {"ICD_CODER_KEY_SECRET_FILE": "{f}/none"}, "the secret '{f}/none' cannot be read"),
        ([], {"ICD_CODER_KEY_SECRET_FILE": "{f}/other"}, "were made with another secret"),
        ([], {"ICD_CODER_MAX_BATCH": "many"}, "ICD_CODER_MAX_BATCH cannot be used"),
    ],
    ids=["bundle", "file", "server", "password file", "no key file", "wrong key file", "setting"],
)
def test_a_start_that_cannot_be(
    start: Start, tmp_path: Path, options: list[str], settings: dict[str, str], words: str
) -> None:
    """The thing that is missing or wrong is named."""
    (tmp_path / "other").write_text("o" * 64)
    filled = {name: value.format(f=tmp_path) for name, value in settings.items()}
    said = start(*(option.format(f=tmp_path) for option in options), **filled)
    assert words.format(f=tmp_path) in one_sentence(said)


def test_a_volume_that_cannot_be_written(start: Start, read_only_folder: Path) -> None:
    """The access log could not be kept there."""
    said = one_sentence(start(ICD_CODER_DATABASE=f"sqlite:///{read_only_folder}/notes.sqlite3"))
    assert f"the database '{read_only_folder}/notes.sqlite3' " in said
    assert "fix the permissions of the file and its folder" in said
