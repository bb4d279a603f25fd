"""Embeddings and ranked codes of a dataset as Parquet: what the coder says of each document, privately."""

import stat
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import icd_coder
from model.bundle import load_bundle
from model.code_vectors import CodeVectors
from model.dataset import load_dataset
from tests.factories import save_tiny_bundle, write_tiny_dataset
from training.export import parquet_exports
from training.export.parquet_exports import export_embeddings, export_scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    save_tiny_bundle(folder / "bundle")
    write_tiny_dataset(folder / "data", 24)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["icd-coder", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        icd_coder.main()
    return int(stopped.value.code or 0)


def test_embeddings_are_those_of_the_coder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row a document in the dataset's order, over several row groups; the file is its owner's alone."""
    monkeypatch.setattr(parquet_exports, "AT_ONCE", 7)
    out = tmp_path / "e.parquet"
    written = export_embeddings(folder / "bundle", folder / "data", out)
    coder, documents = load_bundle(folder / "bundle"), load_dataset(folder / "data").documents()
    table = pq.read_table(out)
    assert written == (len(documents), len(documents), 0)
    assert pq.ParquetFile(out).num_row_groups > 1
    assert [(row["document_id"], row["split"]) for row in table.select([0, 1]).to_pylist()] == [
        (one.document_id, one.split) for one in documents
    ]
    assert table.schema.field("embedding").type.value_type == "float"
    np.testing.assert_array_equal(
        np.array(table["embedding"].to_pylist(), dtype=np.float32), coder.embed([one.text for one in documents])
    )
    assert table.schema.metadata[b"bundle_id"].decode() == coder.bundle_id
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "text" not in table.column_names


def test_scores_are_the_first_of_the_ranking(folder: Path, tmp_path: Path) -> None:
    """Of the named split alone; what --top-k leaves out is counted."""
    out = tmp_path / "s.parquet"
    written = export_scores(folder / "bundle", folder / "data", out, ["test"], top_k=2)
    coder, documents = load_bundle(folder / "bundle"), load_dataset(folder / "data").documents("test")
    expected = []
    for document in documents:
        ranked = coder.ranked(document.text)
        for rank in (1, 2):
            label = coder.codes[int(ranked.columns[rank - 1])]
            named = {"document_id": document.document_id, "split": "test", "system": label.system, "code": label.code}
            expected.append({**named, "probability": ranked.probabilities[rank - 1], "rank": rank})
    assert pq.read_table(out).to_pylist() == expected
    assert written == (len(documents), 2 * len(documents), len(documents) * (len(coder.codes) - 2))


def test_a_bundle_that_writes_code_vectors_gives_them_by_code(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its system, code and value."""
    from tests.tiny_bundle_ranker import tiny_bundle_ranker

    plain = load_bundle(folder / "bundle")
    vectors = CodeVectors(np.ones(len(plain.labels), dtype=np.float32), 0.5)
    ranker = tiny_bundle_ranker()
    object.__setattr__(ranker, "code_vectors", vectors)
    plain.ranker = ranker
    monkeypatch.setattr(parquet_exports, "load_bundle", lambda *_: plain)
    export_embeddings(folder / "bundle", folder / "data", tmp_path / "e.parquet", ["dev"])
    rows = pq.read_table(tmp_path / "e.parquet").to_pylist()
    for row, document in zip(rows, load_dataset(folder / "data").documents("dev"), strict=True):
        (found,) = plain.vectors([document.text])
        assert found.codes is not None
        named = [plain.codes[column].key for column in found.codes.columns.tolist()]
        assert [(one["system"], one["code"]) for one in row["code_vector"]] == named
        np.testing.assert_array_equal([one["value"] for one in row["code_vector"]], found.codes.values)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["embeddings", "--splits", "val"], "--splits names 'val': expected some of train, dev, test"),
        (["scores", "--top-k", "0"], "Invalid value for '--top-k'"),
        (["scores", "--out", "THERE"], "is there already: remove it or choose another --out"),
    ],
)
def test_what_cannot_be_written_is_said_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    """Exit code 2, and nothing is there or changed."""
    there = tmp_path / "there.parquet"
    there.write_bytes(b"mine")
    named = [str(there) if word == "THERE" else word for word in arguments]
    out = [] if "--out" in named else ["--out", tmp_path / "new.parquet"]
    assert run(monkeypatch, *named, "--bundle", folder / "bundle", "--data", folder / "data", *out) == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert there.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [there]


def test_the_commands_say_what_they_wrote(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts, and that the file is derived from notes."""
    same = ["--bundle", folder / "bundle", "--data", folder / "data", "--device", "cpu"]
    number = len(load_dataset(folder / "data").documents("test"))
    assert run(monkeypatch, "embeddings", *same, "--splits", "test", "--out", tmp_path / "e") == 0
    assert (
        f"{number} embeddings written to {tmp_path / 'e'}: they are derived from the notes" in capsys.readouterr().out
    )
    assert run(monkeypatch, "scores", *same, "--splits", "test", "--top-k", "1", "--out", tmp_path / "s") == 0
    assert (
        f"{number} codes of {number} documents written to {tmp_path / 's'}; --top-k left out" in capsys.readouterr().out
    )


def test_export_alone_is_the_int8_bundle_still(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its options are required; those of a member stand behind its name."""
    assert run(monkeypatch, "--bundle", "b", "--out", "o") == 2
    assert "Missing option '--format'" in capsys.readouterr().err
    assert run(monkeypatch, "--bundle", "b", "--out", "o", "--format", "onnx") == 2
    assert "--format must be one of openvino, got 'onnx'" in capsys.readouterr().err
    assert run(monkeypatch, "--bundle", "b", "scores", "--data", "d", "--out", "o") == 2
    assert "write the options behind 'scores'" in capsys.readouterr().err
