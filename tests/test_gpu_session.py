"""The session for a GPU, packed and run whole on a CPU with the tiny encoder and invented notes."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from model.dataset import load_dataset
from model.errors import InvalidOption
from model.network.precision import multiplies_in_bf16
from tests.benchmarks import gpu_pack, gpu_session
from tests.benchmarks.gpu_pack import read_corpus, write_pack
from tests.factories import NOTE, write_tiny_dataset
from training.benchmark.floating_point_operations import SIZES

ROOT = Path(__file__).resolve().parents[1]
BARE = {"torch", "transformers", "safetensors", "numpy", "pyarrow", "tqdm"}
SHAPES = replace(gpu_session.SMALL, inference_notes=(2,), loss_batches=(16,), repeats=1, loss_repeats=1)
TRAIN, PREDICT = ([f"{kind} {head}, 2 notes" for head in ("plm-ca", "plm-icd")] for kind in ("train", "predict"))
SPEED = [*TRAIN, "losses, B 16", *PREDICT]
FINE_TUNES = [f"fine-tune invented, {loss}, seed 1" for loss in ("bce", "sd")]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    gpu_session.main(
        ["--pack", str(folder / "packed"), "--encoder", "tiny", "--data", str(write_tiny_dataset(folder / "invented"))]
    )
    return folder / "packed"


@pytest.fixture(autouse=True)
def _smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even less than --small: the matrix product that shows a processor's peak takes seconds."""
    monkeypatch.setitem(SIZES, "cpu", 64)
    monkeypatch.setattr(gpu_session, "SMALL", SHAPES)


def run(packed: Path, out: Path, *more: str) -> dict[str, Any]:
    gpu_session.main(["--packed", str(packed), "--out", str(out), "--device", "cpu", "--small", *more])
    found: dict[str, Any] = json.loads((out / "session.json").read_text(encoding="utf-8"))
    return found


def test_every_part_has_finite_figures(packed: Path, tmp_path: Path) -> None:
    found = run(packed, tmp_path / "out")
    assert list(found["parts"]) == [*SPEED, *FINE_TUNES]
    assert {part["state"] for part in found["parts"].values()} == {"done"}
    for name in TRAIN + PREDICT:
        part = found["parts"][name]
        assert list(part["forms"])[:2] == ["plain published form, fp32", "icd-coder, fp32"]
        assert ("icd-coder, bf16" in part["forms"]) == multiplies_in_bf16("cpu")
        for form in part["forms"].values():
            for figure in ("seconds", "tokens_per_second", "share_of_peak", "times_published"):
                assert form[figure] > 0
    forms = found["parts"]["losses, B 16"]["forms"]
    assert len(forms) == 5
    assert all(form["milliseconds"] > 0 for form in forms.values())
    for name in FINE_TUNES:
        part = found["parts"][name]
        for figure in ("micro_f1", "macro_f1", "map", "jaccard_at_10", "ndcg_at_10"):
            assert 0 <= part[figure] <= 1
        assert part["seconds"] > 0
        assert part["last_bce"] > 0
    assert found["parts"][FINE_TUNES[0]]["last_contrastive"] is None
    assert found["parts"][FINE_TUNES[1]]["last_contrastive"] > 0
    assert all(math.isfinite(number) for number in numbers(found))
    assert {"device", "torch", "transformers", "python"} <= set(found["machine"])
    page = (tmp_path / "out" / "session.md").read_text(encoding="utf-8")
    for heading in ("Training", "Losses", "Inference", "Fine-tunes"):
        assert f"\n## {heading}\n" in page
    assert "Not run" not in page


def test_what_fails_and_what_does_not_fit_is_named(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken part ends no other; a fine-tune that begins and does not finish is no result."""
    text = f"cannot read {NOTE[:20]}"

    def broken(*_: object) -> dict[str, Any]:
        raise KeyError(text)

    monkeypatch.setattr(gpu_session, "losses", broken)
    monkeypatch.setattr(gpu_session, "throughput", lambda *_: (_ for _ in ()).throw(RuntimeError("no kernel")))
    monkeypatch.setattr(gpu_session, "SHARES", {"train": 1.0, "losses": 1.0, "predict": 0.0, "fine-tunes": 0.01})
    found = run(packed, tmp_path / "out", "--minutes", "1")
    states = {name: part["state"] for name, part in found["parts"].items()}
    assert states == {
        **dict.fromkeys([*TRAIN, "losses, B 16"], "failed"),
        **dict.fromkeys([*PREDICT, *FINE_TUNES], "not run"),
    }
    assert found["parts"][TRAIN[0]]["message"] == "no kernel"
    part = found["parts"]["losses, B 16"]
    assert (part["error"], part["message"]) == ("KeyError", "")
    page = (tmp_path / "out" / "session.md").read_text(encoding="utf-8")
    assert all(f"- {name}: {state}" in page for name, state in states.items())
    assert NOTE[:20] not in page + json.dumps(found)


def test_without_a_test_split_dev_is_judged_and_training_patients_tune(tmp_path: Path) -> None:
    data = write_tiny_dataset(tmp_path / "invented")
    table = pq.read_table(data / "documents.parquet")
    pq.write_table(table.filter(pc.not_equal(table["split"], "test")), data / "documents.parquet")
    write_pack(tmp_path / "packed", [data], "tiny")
    corpus = read_corpus(tmp_path / "packed", "invented", 128, 128)
    dataset = load_dataset(data)
    assert corpus.judged_on == "dev"
    assert corpus.documents["judged"] == list(dataset.documents("dev"))
    patients = {part: {note.subject_id for note in notes} for part, notes in corpus.documents.items()}
    assert patients["tuning"]
    assert not patients["tuning"] & (patients["train"] | patients["judged"])
    assert len(corpus.documents["train"]) + len(corpus.documents["tuning"]) == len(dataset.documents("train"))


def test_the_pack_is_small_and_names_no_folder(packed: Path) -> None:
    manifest = (packed / "data" / "invented" / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(manifest) == {"format": "icd-coder dataset 1"}
    assert json.loads((packed / "pack.json").read_text(encoding="utf-8"))["datasets"] == ["invented"]


def test_a_pack_that_cannot_travel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_tiny_dataset(tmp_path / "invented")
    monkeypatch.setattr(gpu_pack, "MOST_BYTES", 2**10)
    with pytest.raises(InvalidOption, match="MiB travel"):
        write_pack(tmp_path / "packed", [data], "tiny")
    assert not (tmp_path / "packed").exists()


def test_it_imports_on_a_bare_machine() -> None:
    """Of all that the project installs, only BARE: a rented GPU has no more."""
    lines = [line for line in requires("icd-coder") or [] if "extra ==" not in line]
    wanted = {line.partition(">")[0].partition("[")[0].strip().lower() for line in lines} - BARE
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower() for name in distributions} & wanted
    }
    assert {"sklearn", "polars", "fastapi", "typer"} <= modules
    code = f"import sys\nsys.modules.update(dict.fromkeys({sorted(modules)}))\nimport tests.benchmarks.gpu_session"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def numbers(value: Any) -> Iterator[float]:
    """All numbers at any depth."""
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value
