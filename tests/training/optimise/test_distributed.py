"""Two real processes (gloo, loopback) compute what one does, and only the first one writes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from model.bundle import load_bundle
from tests.factories import write_tiny_dataset
from tests.training.optimise.two_processes import ALONE, CASES, DTYPES, results

ROOT = Path(__file__).parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TOLERANCE = {"float64": 1e-6, "float32": 1e-4}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    finished = subprocess.run(
        [*TORCHRUN, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )
    assert finished.returncode == 0, finished.stderr
    return finished


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with what each of two processes found."""
    out = tmp_path_factory.mktemp("together")
    torchrun("-m", "tests.training.optimise.two_processes", str(out))
    return out


def assert_alike(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float) -> None:
    """Each relative to its norm; one that is zero but for rounding, relative to all."""
    assert found.keys() == expected.keys()
    floor = 1e-6 * torch.stack([value.double().norm() for value in expected.values()]).norm()
    for name, value in expected.items():
        difference = (found[name] - value).double().norm() / max(value.double().norm(), floor)
        assert difference < tolerance, name


@pytest.mark.parametrize("kind", sorted(DTYPES))
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_gradient_of_a_step_is_that_of_one_process(together: Path, tmp_path: Path, case: str, kind: str) -> None:
    """BCE and SD, accumulated, cached with two views, by tokens, and with a batch that leaves one without a note."""
    expected = results(tmp_path, ALONE)[f"{case} {kind}"]()
    first, second = (load_file(together / f"{case} {kind} {rank}") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert_alike(first, expected, TOLERANCE[kind])


def test_a_whole_run_ends_in_the_weights_of_one_process(together: Path, tmp_path: Path) -> None:
    """Two epochs of AdamW, schedule and clipping in float64, and the validation scores."""
    expected = results(tmp_path, ALONE)["run"]()
    first, second = (load_file(together / f"run {rank}") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert_alike(first, expected, TOLERANCE["float64"])


def test_a_run_of_two_resumes_to_the_same_bits(together: Path) -> None:
    """With dropout: the random state of each process is in the checkpoint."""
    for rank in (0, 1):
        whole, resumed = (load_file(together / f"{name} {rank}") for name in ("whole", "resumed"))
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [json.loads(line)["step"] for line in (together / "resumed.run" / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]


def test_train_under_torchrun_writes_one_bundle_and_computes_frozen_states_once(tmp_path: Path) -> None:
    """Every process reads the cache that the first one made."""
    data = write_tiny_dataset(tmp_path / "data")
    sizes = ["--batch-size", "8", "--epochs", "1", "--window", "32", "--max-tokens", "64"]
    places = ["--data", str(data), "--out", str(tmp_path / "bundle"), "--device", "cpu"]
    finished = torchrun("-m", "icd_coder", "train", "--encoder", "tiny", "--freeze-layers", "1", *sizes, *places)
    assert finished.stdout.count("written to") == 1
    assert load_bundle(tmp_path / "bundle").card["training"]["epochs_run"] == 1
    assert finished.stderr.count("frozen layers: 100%") == 2  # training and validation notes, once each
    assert len(list((tmp_path / "data.cache").iterdir())) == 2
    steps = [json.loads(line)["step"] for line in (tmp_path / "bundle.run" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
