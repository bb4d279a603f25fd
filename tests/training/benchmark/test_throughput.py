"""The benchmark: honest counts, a naive form that computes the same, and a report of all of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import icd_coder
from model.network.batch import batch_of_ids
from model.network.encoder_source import backbone_from_config
from model.network.network import CodingNetwork
from training.benchmark.floating_point_operations import SIZES, operations
from training.benchmark.options import BenchmarkOptions
from training.benchmark.published_plm_icd import NaiveNetwork, padded_notes
from training.benchmark.random_notes import random_notes
from training.benchmark.throughput import NAIVE, RANDOM_ENCODERS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_the_naive_form_computes_the_same_logits(head: str) -> None:
    """Where both cut a note alike, that is within one window: padding and fusion change nothing."""
    torch.manual_seed(0)
    options = BenchmarkOptions("predict", encoder="tiny", labels=7, tokens=30, batch_size=3, window=32, mixed=True)
    backbone = backbone_from_config(RANDOM_ENCODERS["tiny"])
    network = CodingNetwork(backbone, 7, head).eval()
    naive = NaiveNetwork(backbone, 7, head).eval()
    naive.head.load_state_dict(network.label_attention.state_dict())
    notes = [note.windowed for note in random_notes(options, 30522)]
    assert len({len(note.ids) for note in notes}) > 1
    with torch.inference_mode():
        ours = network(batch_of_ids(notes, 0)).logits
        theirs = naive(*padded_notes([note.ids for note in notes], 32, 0))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_windows_of_padding_alone_are_harmless_in_the_naive_form() -> None:
    """As in PLM-ICD, a short note among long ones is mostly such windows."""
    torch.manual_seed(0)
    naive = NaiveNetwork(backbone_from_config(RANDOM_ENCODERS["tiny"]), 5, "plm-icd").eval()
    short, long = np.arange(1000, 1010), np.arange(1000, 1100)
    with torch.inference_mode():
        together = naive(*padded_notes([short, long], 16, 0))
        alone = naive(*padded_notes([short], 16, 0))
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_operations_are_those_that_torch_counts(head: str) -> None:
    """The naive form of a note in full windows, forward and backward, without what is not in the model's matrices."""
    config = RANDOM_ENCODERS["tiny"]
    naive = NaiveNetwork(backbone_from_config(config), 50, head)
    given = padded_notes([np.arange(1000, 1064)], 32, 0)
    lengths = [np.array([32, 32])]
    with FlopCounterMode(display=False) as forward:
        logits = naive(*given)
    ours = operations(naive.backbone.config, lengths, 50, head, training=False)
    assert forward.get_total_flops() == ours
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    assert forward.get_total_flops() + backward.get_total_flops() == operations(
        naive.backbone.config, lengths, 50, head, training=True
    )


@pytest.mark.parametrize("kind", ["train", "predict"])
def test_the_verb_prints_and_writes_what_it_measured(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both precisions beside the naive form; every figure follows from the medians."""
    monkeypatch.setitem(SIZES, "cpu", 64)  # the full size takes a minute in bf16 where the processor has none
    out = tmp_path / "result.json"
    words = ["--encoder", "tiny", "--labels", "20", "--tokens", "60", "--window", "32", "--batch-size", "2", "--mixed"]
    words += ["--repeats", "1", "--device", "cpu", "--threads", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["icd-coder", "benchmark", kind, *words])
    with pytest.raises(SystemExit) as ended:
        icd_coder.main()
    assert ended.value.code == 0
    result = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert all(name in printed for name in result["forms"])
    assert list(result["forms"]) == [NAIVE, "icd-coder, fp32", "icd-coder, bf16"]
    for name, form in result["forms"].items():
        assert form["times_published"] == result["forms"][NAIVE]["seconds"] / form["seconds"]
        assert form["documents_per_second"] * form["seconds"] == pytest.approx(2)
        assert form["tokens_per_second"] * form["seconds"] == pytest.approx(result["tokens"])
        peak = result["matrix_product_peak"][name.split()[-1]]
        assert form["share_of_peak"] * peak * form["seconds"] == pytest.approx(result["operations"])
    monkeypatch.setattr(sys, "argv", ["icd-coder", "benchmark", kind, *words])
    with pytest.raises(SystemExit) as refused:
        icd_coder.main()
    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--precision", "fp8"], "fp8"),
        (["--precision", ","], "--precision"),
        (["--head", "x"], "--head"),
        (["--labels", "0"], "--labels"),
        (["--encoder", "no-such"], "no-such"),
        (["--encoder", "tiny", "--window", "600"], "--window 600"),
        (["--out", "/no/such/file.json"], "/no/such"),
    ],
)
def test_bad_options_are_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The value is named, and the exit code is 2."""
    monkeypatch.setattr(sys, "argv", ["icd-coder", "benchmark", "predict", "--device", "cpu", *words])
    with pytest.raises(SystemExit) as ended:
        icd_coder.main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_it_imports_on_a_bare_machine() -> None:
    """A rented GPU has torch, transformers, numpy, pyarrow, safetensors and tqdm."""
    code = (
        "import sys\n"
        "for name in 'polars typer rich structlog sklearn matplotlib sqlalchemy fastapi pydantic faiss'.split():\n"
        "    sys.modules[name] = None\n"
        "import training.benchmark.throughput, training.benchmark.report\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
