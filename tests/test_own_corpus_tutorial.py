"""docs/tutorials/own-corpus-and-loss.md can fail: its commands and code run in order, on invented abstracts."""

import csv
import json
import random
import re
import shlex
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import icd_coder

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorials" / "own-corpus-and-loss.md"
SMALLER = {
    "train": {"--epochs": "1", "--max-tokens": "64", "--encoder": "tiny"},
    "losses": {"--seeds": "1", "--steps": "4", "--resamples": "20", "--encoder": "lsa", "--batch-size": "16"},
    "summary": {"--resamples": "20"},
}
"""Values of the tests for options, which the page's have to make room for."""
TOPICS = {
    "cell death": "The cells died by apoptosis",
    "invasion": "The tumour spread to the liver",
    "angiogenesis": "New vessels grew",
    "U.S. trials": "A trial in Ohio",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def smaller(line: list[str]) -> list[str]:
    """The command with the values of SMALLER."""
    values = SMALLER.get(line[2] if line[1] == "study" else line[1], {})
    kept = [word for at, word in enumerate(line) if word not in values and line[at - 1] not in values]
    return [*kept, *(word for pair in values.items() for word in pair)]


def write_corpus(path: Path) -> None:
    """The page's table, with 80 abstracts."""
    generator = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["abstract", "hallmarks"])
        for number in range(80):
            labels = generator.sample(list(TOPICS), generator.choice([1, 1, 2, 3]))
            text = ". ".join(TOPICS[label] for label in labels)
            rows.writerow([f"Invented abstract {number}. {text}.", "; ".join(labels)])


@pytest.mark.timeout(600)
def test_the_page_from_the_table_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Smaller runs, the same commands; the card and the study name the loss."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_losses", raising=False)
    write_corpus(tmp_path / "corpus.csv")
    (module,) = blocks('python title="my_losses.py"')
    (tmp_path / "my_losses.py").write_text(module, encoding="utf-8")
    for code in blocks("python"):
        exec(compile(code, PAGE.name, "exec"), {})  # noqa: S102 - the page is ours
    lines = [shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.strip()]
    for line in lines:
        monkeypatch.setattr(sys, "argv", smaller(line))
        with pytest.raises(SystemExit) as stopped:
            icd_coder.main()
        assert not stopped.value.code, (line, capsys.readouterr().err)
    card = json.loads((tmp_path / "bundles" / "overlap" / "card.json").read_text())
    assert card["training"]["loss"] == "my_losses:OverlapLoss"
    assert re.fullmatch("[0-9a-f]{64}", card["training"]["loss_source"])
    runs = [json.loads(line) for line in (tmp_path / "studies" / "corpus" / "runs.jsonl").read_text().splitlines()]
    assert {run["loss"]: run.get("loss_source") for run in runs} == {
        "bce": None, "jaccard": None, "sd": None, "my_losses:OverlapLoss": card["training"]["loss_source"],
    }  # fmt: skip
    assert "| my_losses:OverlapLoss - bce |" in (tmp_path / "summary.md").read_text()
    assert (tmp_path / "reports" / "overlap" / "report.md").is_file()
    embeddings = pq.read_table(tmp_path / "embeddings.parquet")
    assert (len(embeddings), embeddings.column_names[2:]) == (80, ["embedding", "code_vector"])
    scores = pq.read_table(tmp_path / "scores.parquet")
    assert set(scores["split"].to_pylist()) == {"test"}
    assert set(scores["code"].to_pylist()) == set(TOPICS)
