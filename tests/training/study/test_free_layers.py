"""A study whose encoder has free layers, from the command line to its report, on the tiny encoder."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import icd_coder
from tests.factories import write_tiny_dataset
from training.optimise import loop
from training.study.cell import Cell, Setting, grid
from training.study.fine_tuning import WINDOW, FineTuning
from training.study.inputs import load_study_notes
from training.study.study_losses import NAMES
from training.study.train_free_layers import FreeLayersTrainer
from training.study.trained import Trained

RECIPE = FineTuning(free_layers=1, epochs=2, encoder="tiny", max_tokens=64, batch_size=8, learning_rate=3e-3)
SD, BCE = Setting("sd", 0.07, 2.0, "plain"), Setting("bce", 0.0, 0.0, "plain")
TIMES = ("seconds_a_step", "wall_seconds")
SMALL = ["--encoder", "tiny", "--free-layers", "1", "--epochs", "1", "--max-tokens", "32", "--resamples", "20"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "data")


def trainer(data: Path, folder: Path, recipe: FineTuning = RECIPE) -> FreeLayersTrainer:
    return FreeLayersTrainer(load_study_notes(data, "tiny", WINDOW, 64), recipe, folder / "cache", folder / "running")


def study(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["icd-coder", "study", "losses", *map(str, arguments)])
    try:
        icd_coder.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]


def assert_equal(one: Trained, other: Trained) -> None:
    for name in ("tuning_scores", "judged_scores", "judged_embeddings", "train_embeddings"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.best_step, one.bce, one.term) == (other.best_step, other.bce, other.term)


def test_equal_cells_give_equal_numbers_and_a_broken_off_one_goes_on_to_them(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit-equal, with Ctrl-C in the second epoch too; checkpoints are removed, torch's generator is as it was."""
    cell, (one, two, stopped) = Cell(SD, 3), [trainer(data, tmp_path / name) for name in ("one", "two", "stopped")]
    state = torch.random.get_rng_state()
    whole = one(cell)
    assert_equal(whole, two(cell))
    steps, calls = loop.epoch_steps, 0

    def interrupt(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 + 2:  # the first two calls only count the steps
            raise KeyboardInterrupt
        return steps(*arguments)

    monkeypatch.setattr(loop, "epoch_steps", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped(cell)
    monkeypatch.undo()
    assert list((tmp_path / "stopped" / "running").iterdir())
    assert_equal(whole, stopped(cell))
    assert not list((tmp_path / "stopped" / "running").iterdir())
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_cell_says_how_large_the_term_was(data: Path, tmp_path: Path) -> None:
    """lambda times the loss, over the last epoch; ten times the lambda is about ten times the term here."""
    cells = {weight: Cell(Setting("sd", 0.07, weight, "plain"), 1) for weight in (1.0, 10.0)}
    found = {weight: trainer(data, tmp_path)(cell) for weight, cell in cells.items()}
    for trained in found.values():
        assert trained.term is not None
        assert trained.bce is not None
        assert trained.term > 0
    assert 5 < found[10.0].term / found[1.0].term < 15  # type: ignore[operator]
    alone = trainer(data, tmp_path)(Cell(BCE, 1))
    assert (alone.term, alone.factor) == (None, None)
    np.testing.assert_allclose(np.linalg.norm(alone.judged_embeddings, axis=1), 1, rtol=1e-5)


def test_the_free_layers_learn_and_the_others_stay(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two layers is free, and the states below it are computed once for all cells."""
    from training.study import train_free_layers as module

    networks = []
    build = module.network_for

    def watched(*arguments: Any) -> Any:
        network = build(*arguments)
        before = {name: tensor.clone() for name, tensor in network.encoder.state_dict().items()}
        networks.append((network, before))
        return network

    monkeypatch.setattr(module, "network_for", watched)
    trainer(data, tmp_path)(Cell(BCE, 1))
    cached = sorted(path.name for path in (tmp_path / "cache").iterdir())
    trainer(data, tmp_path)(Cell(SD, 1))
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == cached
    for network, before in networks:
        changed = {
            name for name, tensor in network.encoder.state_dict().items() if not torch.equal(tensor, before[name])
        }
        assert changed
        assert all(name.startswith("layers.1.") for name in changed)


def test_the_options_of_a_cell_are_those_of_train() -> None:
    """Every loss of a study but the ablations; the number of frozen layers follows from the free ones."""
    for name in NAMES:
        setting = Setting(name, 0.1, 3.0, "matched", "joint", "codes") if name != "bce" else BCE
        if name.startswith("sd-") and name not in ("sd-positives", "sd-pooled"):
            with pytest.raises(icd_coder.IcdCoderError, match=f"--losses {name}"):
                RECIPE.options(setting, 1, 6)
            continue
        options = RECIPE.options(setting, 7, 6)
        assert (options.freeze_layers, options.seed, options.max_tokens) == (5, 7, 64)
        if name != "bce":
            assert (options.temperature, options.contrastive_weight, options.match_scale) == (0.1, 3.0, True)
            assert options.pooling == "codes"
    assert RECIPE.options(Setting("sd-pooled", 0.1, 1.0, "plain"), 1, 6).placement == "pooled"


def test_a_grid_has_every_protocol_and_pooling_but_one_pair() -> None:
    """BCE once; two stages with the mean only; every key its own."""
    cells = grid(["bce", "sd"], [0.07], [1.0, 2.0], ["plain"], 2, ["joint", "two-stage"], ["mean", "codes"])
    assert len(cells) == len({cell.key for cell in cells}) == 2 * (1 + 2 * 3)
    assert {(cell.setting.protocol, cell.setting.pooling) for cell in cells} == {
        ("joint", "mean"),
        ("joint", "codes"),
        ("two-stage", "mean"),
    }
    assert Cell(SD, 1).key == "sd_tau_0.07_lambda_2_seed_1"


def test_a_study_in_pieces_ends_in_one_report(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--minutes 0 runs one cell and says what is left; Ctrl-C says it too; then all cells, and the tables of them."""
    out = tmp_path / "study"
    small = ["--data", data, "--out", out, "--cache", tmp_path / "cache", *SMALL, "--seeds", "1"]
    small += ["--losses", "bce,sd", "--protocol", "joint,two-stage", "--pooling", "mean,codes"]
    assert study(monkeypatch, *small, "--minutes", "0") == 0
    assert "3 of 4 cells are left" in capsys.readouterr().err
    assert len(lines_of(out)) == 1

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("training.study.train_free_layers.fit", stopped)
        assert study(patched, *small) == 130
    assert "3 of 4 cells are left" in capsys.readouterr().err
    assert study(monkeypatch, *small) == 0
    assert "left" not in capsys.readouterr().err
    lines = lines_of(out)
    assert [(line["loss"], line["protocol"], line["pooling"]) for line in lines] == [
        ("bce", "joint", "mean"),
        ("sd", "joint", "mean"),
        ("sd", "joint", "codes"),
        ("sd", "two-stage", "mean"),
    ]
    for line in lines:
        assert {"micro_f1", "macro_f1", "map", "neighbour_jaccard", "neighbour_ndcg", "neighbour_rare"} <= set(
            line["figures"]
        )
        assert line["bce"] > 0
        assert (line["contrastive_term"] is None) == (line["loss"] == "bce")
    report = (out / "report.md").read_text()
    for heading in ("The coder of `icd-coder train`", "## Protocols and embeddings", "## Size of the contrastive term"):
        assert heading in report
    assert "relations.png" not in report
    assert "| sd tau 0.07 lambda 1 codes |" in report
    assert "Testy" not in report

    again = tmp_path / "again"
    assert study(monkeypatch, *(again if part == out else part for part in small)) == 0
    for one, other in zip(lines, lines_of(again), strict=True):
        for name in TIMES:
            del one[name], other[name]
        assert one == other


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--free-layers", "3"], "--free-layers 3 is more than the encoder's 2 layers"),
        (["--free-layers", "1", "--steps", "5"], "--steps"),
        (["--free-layers", "1", "--losses", "sd-shuffled"], "--losses sd-shuffled"),
        (["--free-layers", "1", "--encoder-rate", "0"], "--encoder-rate"),
        (["--free-layers", "1", "--learning-rate", "-1"], "--learning-rate"),
        (["--free-layers", "1", "--protocol", "both"], "'both'"),
        (["--free-layers", "1", "--protocol", "two-stage", "--pooling", "codes"], "--pooling codes"),
        (["--epochs", "5"], "--epochs needs --free-layers"),
        (["--pooling", "codes"], "need --free-layers"),
    ],
)
def test_flags_that_do_not_go_together_are_one_line(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """The flag is named, before anything is written."""
    assert study(monkeypatch, "--data", data, "--encoder", "tiny", "--out", tmp_path / "study", *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
