"""Two stages: the contrastive loss alone, then BCE with the embedding as it is, each with checkpoints of its own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.bundle import load_bundle
from model.errors import LabelSpaceMismatch, OutputExists
from tests.factories import write_tiny_dataset
from tests.training.tiny_notes import tiny_source, tiny_training_network
from training.optimise import step
from training.optimise.checkpoint_folder import BEST
from training.optimise.without_label_attention import without_label_attention
from training.options import TrainingOptions
from training.run.protocol import FIRST, SECOND
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle

OPTIONS = TrainingOptions(
    encoder="tiny",
    loss="sd",
    epochs=3,
    batch_size=8,
    window=32,
    max_tokens=128,
    head_learning_rate=3e-3,
    learning_rate=1e-3,
    protocol="two-stage",
)
EMBEDDING = ("document_embedding.", "projection_head.")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "data")


def request(data: Path, out: Path, resume: bool = False, **changes: object) -> TrainingRequest:
    return TrainingRequest(data, out, replace(OPTIONS, **changes), cache=out.parent / "cache", resume=resume)


def log_lines(out: Path, stage: str) -> list[dict[str, float]]:
    text = (out.with_name(out.name + ".run") / stage / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def weights(path: Path) -> dict[str, Tensor]:
    return dict(load_bundle(path).network.state_dict())


def kept_by_stage(out: Path, stage: str) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(out.with_name(out.name + ".run") / stage / BEST))


def starting_with(names: Iterator[str] | dict[str, Tensor], *prefixes: str) -> set[str]:
    return {name for name in names if name.startswith(prefixes)}


@pytest.mark.parametrize(("stage_two", "freeze_layers"), [("frozen", -1), ("free", -1), ("frozen", 2), ("free", 1)])
def test_each_stage_trains_its_part_and_leaves_the_rest(
    data: Path, tmp_path: Path, stage_two: str, freeze_layers: int
) -> None:
    """Stage one: free encoder layers and embedding; stage two: label attention, and the free layers if so chosen."""
    out = tmp_path / "bundle"
    train_bundle(request(data, out, stage_two=stage_two, freeze_layers=freeze_layers))
    first, second, bundle = kept_by_stage(out, FIRST), kept_by_stage(out, SECOND), weights(out)
    has_free_layers = freeze_layers < 2
    assert starting_with(first, *EMBEDDING)
    assert bool(starting_with(first, "encoder.")) == has_free_layers
    assert not starting_with(first, "label_attention.")
    assert starting_with(second, "label_attention.")
    assert not starting_with(second, *EMBEDDING)
    assert bool(starting_with(second, "encoder.")) == (has_free_layers and stage_two == "free")
    assert all(torch.equal(bundle[name], first[name]) for name in first if name not in second)
    assert all(torch.equal(bundle[name], second[name]) for name in second)
    if has_free_layers and stage_two == "free":
        assert any(not torch.equal(first[name], second[name]) for name in starting_with(second, "encoder."))


def test_the_logs_and_the_card_say_which_stage_measured_what(data: Path, tmp_path: Path) -> None:
    """No BCE in the first log and no contrastive loss in the second; both stages on the card."""
    train_bundle(request(data, tmp_path / "bundle"))
    first, second = (log_lines(tmp_path / "bundle", stage) for stage in (FIRST, SECOND))
    assert "contrastive" in first[0]
    assert "bce" not in first[0]
    assert "bce" in second[0]
    assert "contrastive" not in second[0]
    epochs = [[line for line in lines if line["event"] == "epoch"] for lines in (first, second)]
    assert [len(lines) for lines in epochs] == [3, 3]
    assert epochs[0][-1]["loss"] < epochs[0][0]["loss"]
    assert epochs[1][-1]["loss"] < epochs[1][0]["loss"]
    card = load_bundle(tmp_path / "bundle").card
    best = max(line["neighbour_jaccard"] for line in epochs[0])
    assert card["training"]["protocol"] == "two-stage"
    assert card["training"]["first_stage"]["neighbour_jaccard"] == round(best, 4)
    assert card["training"]["first_stage"]["epochs_run"] == 3
    assert card["measured"]["validation_map"] == round(max(line["validation_map"] for line in epochs[1]), 4)
    assert "two stages, sd alone" in (tmp_path / "bundle" / "README.md").read_text()


def test_a_joint_run_is_called_joint(data: Path, tmp_path: Path) -> None:
    """With the weight of the contrastive loss, and a run folder without stages."""
    train_bundle(request(data, tmp_path / "bundle", protocol="joint", epochs=1, contrastive_weight=0.5))
    assert "Protocol: joint, BCE + 0.5 x sd." in (tmp_path / "bundle" / "README.md").read_text()
    assert "first_stage" not in load_bundle(tmp_path / "bundle").card["training"]
    assert not (tmp_path / "bundle.run" / FIRST).exists()


WITH_MEMORY = {"queue": 11, "match_scale": True, "stage_two": "free"}


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "bundle"
    train_bundle(request(data, out, **WITH_MEMORY))
    return out


@pytest.mark.parametrize(
    ("stopped_at", "checkpoint_minutes"), [(8, 0.0), (15, 10.0), (23, 0.0)], ids=["first", "between", "second"]
)
def test_a_stop_in_either_stage_goes_on_to_the_same_bits(
    data: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped_at: int,
    checkpoint_minutes: float,
) -> None:
    """Five steps an epoch, three epochs a stage, a queue and a matched scale: cut short before a step, then resumed."""
    done, call = 0, step.StepGradient.__call__

    def interrupt(self: step.StepGradient, batches: object) -> object:
        nonlocal done
        if done == stopped_at:
            raise KeyboardInterrupt
        done += 1
        return call(self, batches)

    monkeypatch.setattr(step.StepGradient, "__call__", interrupt)
    stopped = replace(request(data, tmp_path / "stopped", **WITH_MEMORY), checkpoint_minutes=checkpoint_minutes)
    with pytest.raises(KeyboardInterrupt):
        train_bundle(stopped)
    monkeypatch.undo()
    train_bundle(replace(stopped, resume=True))
    whole, resumed = weights(undisturbed), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    cards = [load_bundle(path).card for path in (undisturbed, tmp_path / "stopped")]
    for card in cards:
        del card["training"]["seconds"], card["training"]["first_stage"]["seconds"]
    assert cards[0] == cards[1]


def test_a_queue_and_a_matched_scale_are_in_the_log(data: Path, tmp_path: Path) -> None:
    """The queue fills by the notes of a step; the scale is one number."""
    train_bundle(request(data, tmp_path / "bundle", protocol="joint", queue=20, match_scale=True, epochs=2))
    lines = [line for line in log_lines(tmp_path / "bundle", ".") if line["event"] == "step"]
    assert [line["queued"] for line in lines[:4]] == [8, 16, 20, 20]
    assert len({line["contrastive_scale"] for line in lines}) == 1


def test_a_run_goes_on_with_the_protocol_that_it_began_with(data: Path, tmp_path: Path) -> None:
    """Both are named; without --resume the folder is taken, whichever stage left it."""
    for protocol, other in (("joint", "two-stage"), ("two-stage", "joint")):
        out = tmp_path / protocol
        train_bundle(request(data, out, protocol=protocol, epochs=1))
        out.rename(tmp_path / f"{protocol}-moved")
        with pytest.raises(OutputExists, match="--resume"):
            train_bundle(request(data, out, protocol=protocol, epochs=1))
        with pytest.raises(LabelSpaceMismatch, match=f"begun with --protocol {protocol}, this one has {other}"):
            train_bundle(request(data, out, resume=True, protocol=other, epochs=1))


def test_without_labels_a_network_has_the_same_projections_and_says_nothing() -> None:
    """Logits of 0 without a graph; its own label attention comes back as it was."""
    network, source = tiny_training_network(torch.float32).eval(), tiny_source()
    batch = source.batch([0, 1, 2])
    before, own = network(batch), network.label_attention
    with without_label_attention(network):
        silent = network(batch)
        assert not any(name.startswith("label_attention") for name, _ in network.named_parameters())
    assert network.label_attention is own
    assert torch.equal(silent.projections, before.projections)
    assert silent.logits.shape == before.logits.shape
    assert (silent.logits == 0).all()
    assert not silent.logits.requires_grad
    np.testing.assert_array_equal(network(batch).logits.detach(), before.logits.detach())
