"""What git keeps: sources and small figures; no table, archive, secret or note of a patient.

The two that read every word are marked `acceptance` because of their time; `make hygiene`, and so CI, runs all.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.prepare.corpora import unpacked

ROOT = Path(__file__).parents[2]
KINDS = {
    *(".py", ".sh", ".lua", ".toml", ".txt", ".md", ".yaml", ".yml", ".json", ".jsonl", ".tsv", ".png", ".svg", ".css"),
    *(".typed", ".gitignore", ".dockerignore", "Makefile", "Dockerfile", "LICENSE", "run", "deployment"),
}
TABLES = {"docs/studies/codiesp_folds.tsv"}
"""Document ids alone."""
LARGEST = 400_000
WORDS = 12
"""So many words in a row, the same as in a note, are no chance."""


def tracked() -> list[Path]:
    """Every file that git keeps, from git itself."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so nothing is tracked")
    return [ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).is_file()]


def shingles(text: str) -> Iterator[int]:
    """A hash of every run of words."""
    words = re.findall(r"\w+", text.lower())
    for start in range(len(words) - WORDS + 1):
        yield hash(tuple(words[start : start + WORDS]))


def test_nothing_but_sources_and_small_figures() -> None:
    """No CSV, parquet, database, archive, wheel or bundle."""
    assert [path.name for path in tracked() if (path.suffix or path.name) not in KINDS] == []
    tables = {path.relative_to(ROOT).as_posix() for path in tracked() if path.suffix in {".csv", ".tsv"}}
    assert tables <= TABLES


def test_no_file_is_large() -> None:
    """A corpus, a model or a picture of a page would be."""
    assert {path.name: path.stat().st_size for path in tracked() if path.stat().st_size > LARGEST} == {}


@pytest.mark.acceptance
def test_no_secret_is_tracked() -> None:
    """Private keys, and the tokens of services that the detectors know by their form."""
    settings = pytest.importorskip("detect_secrets.settings", reason="pip install '.[dev]'")
    from detect_secrets.core.scan import scan_file

    detectors = (
        "PrivateKeyDetector",
        "AWSKeyDetector",
        "GitHubTokenDetector",
        "GitLabTokenDetector",
        "JwtTokenDetector",
    )
    detectors += ("PypiTokenDetector", "OpenAIDetector", "SlackDetector", "AzureStorageKeyDetector", "NpmDetector")
    found = []
    with settings.transient_settings({"plugins_used": [{"name": name} for name in detectors]}):
        for path in tracked():
            if path.suffix != ".png":
                found += [f"{path.relative_to(ROOT)}:{one.line_number} {one.type}" for one in scan_file(str(path))]
    assert found == []


def test_a_planted_secret_would_be_found(tmp_path: Path) -> None:
    """The detectors are awake."""
    settings = pytest.importorskip("detect_secrets.settings", reason="pip install '.[dev]'")
    from detect_secrets.core.scan import scan_file

    planted = tmp_path / "planted.py"
    planted.write_text("-----BEGIN RSA " + "PRIVATE KEY-----\n")
    with settings.transient_settings({"plugins_used": [{"name": "PrivateKeyDetector"}]}):
        assert [one.type for one in scan_file(str(planted))] == ["Private Key"]


@pytest.mark.acceptance
@pytest.mark.corpus
def test_no_note_of_a_corpus_is_tracked(tmp_path: Path) -> None:
    """Not even a sentence of a CodiEsp case: twelve words in a row."""
    folder = unpacked("codiesp.tar.xz", "codiesp", tmp_path)
    notes = [note for note in folder.rglob("*.txt") if note.parent.name.startswith("text_files")]
    assert len(notes) >= 1000
    ours: dict[int, str] = {}
    for path in tracked():
        if path.suffix != ".png":
            ours |= dict.fromkeys(shingles(path.read_text(encoding="utf-8")), path.name)
    every = {each for note in notes for each in shingles(note.read_text(encoding="utf-8"))}
    assert {ours[each] for each in every & ours.keys()} == set()
