"""docs/tutorials/mimic-iii.md can fail: its commands run in order, on made-up admissions and with a tiny encoder."""

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import icd_coder
from tests.factories import NOTE, write_tiny_roberta
from training.run.presets import PRESETS
from training.synthetic.tables import write_tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorials" / "mimic-iii.md"
SMALLER = ["--epochs", "1", "--max-tokens", "120", "--precision", "fp32"]
ADMISSIONS = 40


def commands() -> list[list[str]]:
    """The page's command lines, on a CPU, training less."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]
    assert all(line[0] == "icd-coder" for line in lines)
    return [
        ["cpu" if word == "cuda" else word for word in line[1:]] + (SMALLER if line[1] == "train" else [])
        for line in lines
    ]


def write_split_lists(tables: Path, folder: Path) -> None:
    """CAML's three lists, by patient."""
    folder.mkdir()
    notes = pl.read_csv(tables / "NOTEEVENTS.csv.gz").filter(pl.col("HADM_ID").is_not_null())
    place = pl.col("SUBJECT_ID").rank("dense").cast(pl.Int64) % 5
    for split, chosen in (("train", place >= 2), ("dev", place == 0), ("test", place == 1)):
        ids = notes.filter(chosen)["HADM_ID"].unique().sort()
        (folder / f"{split}_full_hadm_ids.csv").write_text("".join(f"{number}\n" for number in ids))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's folders, by the names that it gives them."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "MIMIC-III-FOLDER").mkdir()
    write_tables(folder / "MIMIC-III-FOLDER", ADMISSIONS, 1, lambda _: None, False)
    write_split_lists(folder / "MIMIC-III-FOLDER", folder / "SPLITS-FOLDER")
    write_tiny_roberta(folder / "WEIGHTS-FOLDER", positions=130)
    return folder


def serve_once(words: list[str], folder: Path) -> dict[str, Any]:
    """The answer of a server to one note; it is stopped then."""
    command = [sys.executable, "-m", "icd_coder", *words, "--port", "0"]
    root = {"PYTHONPATH": str(PAGE.parents[2])}
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=root) as server:
        assert server.stderr is not None
        seen: list[str] = []
        address = None
        for line in server.stderr:
            seen.append(line)
            address = re.search(r'"address": "(http://[\d.:]+)"', line)
            if address:
                break
        assert address, seen
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{address[1]}/v1/predict", json.dumps({"text": NOTE}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    return answer


def test_the_commands_of_the_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the tables to two served bundles; verify-data alone finds fault, with the size of the tables."""
    pytest.importorskip("nncf", reason="NNCF is not here: pip install -e '.[openvino]'")
    monkeypatch.chdir(folder)
    served = []
    for words in commands():
        if words[0] == "serve":
            served.append(serve_once(words, folder))
            continue
        monkeypatch.setattr(sys, "argv", ["icd-coder", *words])
        with pytest.raises(SystemExit) as ended:
            icd_coder.main()
        assert (ended.value.code or 0) == (1 if words[0] == "verify-data" else 0), words
    assert [answer["precision"] for answer in served] == ["fp32", "int8"]
    assert all(answer["codes"] and answer["neighbours"] for answer in served)
    saved = {
        name: json.loads((folder / f"bundles/mimic3-{name}.run/options.json").read_text()) for name in ("sd", "bce")
    }
    assert [saved[name]["preset"] for name in saved] == ["mimic3-full", "mimic3-full"]
    assert [saved[name]["loss"] for name in saved] == ["sd", "bce"]
    given = {"epochs": 1, "max_tokens": 120}
    kept = {key: value for key, value in PRESETS["mimic3-full"].items() if key not in {*given, "loss", "fit_splits"}}
    for options in saved.values():
        assert {key: options[key] for key in (given | kept)} == given | kept


def test_the_page_says_what_was_not_done() -> None:
    """Nobody should take it for a report."""
    assert "Not run on MIMIC by us" in PAGE.read_text(encoding="utf-8")
