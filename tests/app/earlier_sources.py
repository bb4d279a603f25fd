"""The sources from before the newest revision of the tables, as git has them: a service that was released with them."""

import subprocess
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.database.engine import alembic_config

ROOT = Path(__file__).parents[2]


def earlier_sources(folder: Path) -> str:
    """Unpack them into ``folder``; the newest revision that they know. Without git's history the test is skipped."""
    newest = ScriptDirectory.from_config(alembic_config()).get_revision("head")
    assert newest is not None
    added = git("log", "-1", "--format=%H", "--diff-filter=A", "--", newest.path).decode().strip()
    before = f"{added}^" if added else "HEAD"  # a revision that is being written is in no commit
    archive = git("archive", "--format=tar", before, "--", ".", ":!tests", ":!docs")  # tests hold words of notes
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    head = ScriptDirectory(str(folder / "migrations")).get_current_head()
    assert head is not None
    assert head != newest.revision
    return head


def git(*arguments: str) -> bytes:
    """Output of git in the checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"git has no history from before the newest revision here ({done.stderr.decode().strip()})")
    return done.stdout
