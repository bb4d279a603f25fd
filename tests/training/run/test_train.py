"""Training end to end on a tiny encoder: it learns, resumes, stops early, and writes a bundle that answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from icd_coder import root
from model.bundle import load_bundle
from model.dataset import load_dataset
from model.errors import EmptyDataset, InvalidOption, LabelSpaceMismatch, MissingInput, OutputExists
from model.network.encoder_source import open_encoder
from tests.factories import LABELS, tiny_documents, write_tiny_dataset
from training.optimise import loop, step
from training.optimise.checkpoint_folder import BEST, LAST
from training.optimise.contrastive import BY_TEMPERATURE
from training.optimise.failures import TrainingDiverged
from training.options import TrainingOptions
from training.prepare.dataset_directory import Record, write_dataset
from training.run.network import network_for, run_identity
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle

OPTIONS = TrainingOptions(
    encoder="tiny",
    epochs=2,
    batch_size=8,
    window=32,
    max_tokens=128,
    head_learning_rate=3e-3,
    learning_rate=1e-3,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "data")


def request(data: Path, out: Path, **changes: object) -> TrainingRequest:
    options = replace(OPTIONS, **{name: value for name, value in changes.items() if hasattr(OPTIONS, name)})
    rest = {name: value for name, value in changes.items() if not hasattr(OPTIONS, name)}
    return TrainingRequest(data, out, options, cache=out.parent / "cache", **rest)


def log_lines(out: Path) -> list[dict[str, float]]:
    lines = (out.with_name(out.name + ".run") / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_bundle(path).network.state_dict())


@pytest.mark.parametrize(
    ("loss", "head", "frozen"), [("sd", "plm-ca", -1), ("bce", "plm-icd", -1), ("sd", "plm-ca", 2)]
)
def test_training_lowers_the_loss_and_writes_a_bundle(
    data: Path, tmp_path: Path, loss: str, head: str, frozen: int
) -> None:
    """Both losses, both heads, with and without frozen layers."""
    out = tmp_path / "bundle"
    bundle_id = train_bundle(request(data, out, loss=loss, head=head, freeze_layers=frozen, epochs=4))
    lines = log_lines(out)
    steps = [line for line in lines if line["event"] == "step"]
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert ("contrastive" in steps[0]) == (loss == "sd")
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    coder = load_bundle(out)
    assert coder.bundle_id == bundle_id
    assert coder.card["measured"]["validation_map"] == round(max(line["validation_map"] for line in epochs), 4)
    counts = coder.threshold_policies(with_neighbours=False)[0].counts
    assert counts is not None
    dev = [document.codes for document in load_dataset(data).documents("dev")]
    assert counts.notes == len(dev)
    for column, label in enumerate(coder.labels.labels):
        assert counts.of(column).assigned_notes == sum(label.key in codes for codes in dev)
    assert any((out.with_name("bundle.run") / "tensorboard").iterdir())


def test_an_embedding_that_reads_the_codes_starts_from_titles_and_is_trained(data: Path, tmp_path: Path) -> None:
    """With a frozen encoder too; a rare code's vector starts longer; the bundle embeds with what was trained."""
    options = replace(OPTIONS, pooling="codes", freeze_layers=2)
    dataset, encoder = load_dataset(data), open_encoder("tiny")
    counts = np.arange(len(dataset.labels))
    codes = network_for(encoder, dataset.labels, counts, 100, options).document_embedding.codes
    assert codes is not None
    lengths = codes.vectors.detach().norm(dim=1).numpy()
    np.testing.assert_allclose(lengths, 1 + np.log(101 / (1 + counts)), rtol=1e-5)
    train_bundle(request(data, tmp_path / "bundle", pooling="codes", freeze_layers=2))
    coder = load_bundle(tmp_path / "bundle")
    assert coder.card["training"]["pooling"] == "codes"
    assert coder.network.document_embedding.codes is not None
    assert coder.network.document_embedding.codes.outer.weight.abs().max() > 0


def test_a_run_of_the_mean_has_the_identity_that_it_had_before_there_was_a_choice(data: Path) -> None:
    """So that its checkpoints go on; with the codes it is another run."""
    dataset = load_dataset(data)
    notes = dataset.require("train"), dataset.require("dev")
    of_mean, of_codes = (
        run_identity(dataset, *notes, replace(OPTIONS, pooling=pooling), 1) for pooling in ("mean", "codes")
    )
    assert "pooling" not in of_mean
    assert of_codes["pooling"] == "codes"


@pytest.mark.parametrize("loss", sorted(BY_TEMPERATURE))
def test_every_loss_of_the_family_can_be_trained_with(data: Path, tmp_path: Path, loss: str) -> None:
    """One epoch by name; SupCon says that these notes have more than one code."""
    if loss == "supcon":
        with pytest.raises(InvalidOption, match="supcon takes one code"):
            train_bundle(request(data, tmp_path / "bundle", loss=loss, epochs=1))
        return
    train_bundle(request(data, tmp_path / "bundle", loss=loss, epochs=1))
    assert "contrastive" in next(line for line in log_lines(tmp_path / "bundle") if line["event"] == "step")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data: Path, tmp_path: Path) -> None:
    """Bit-equal on a CPU."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_bundle(request(data, tmp_path / name, seed=seed, epochs=1))
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize(
    "changes",
    [{}, {"accumulate": 3, "freeze_layers": 1}, {"head": "plm-icd", "loss": "bce", "precision": "bf16"}],
    ids=["plain", "accumulated and frozen", "plm-icd in bf16"],
)
def test_resuming_after_a_stop_equals_an_undisturbed_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    """Ctrl-C in the third epoch of four, then --resume: the same bits in the bundle, and the whole run in its card."""
    train_bundle(request(data, tmp_path / "whole", epochs=4, **changes))
    calls = 0
    steps = loop.epoch_steps

    def interrupt(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 4 + 3:  # the first four calls only count the steps
            raise KeyboardInterrupt
        return steps(*arguments)

    monkeypatch.setattr(loop, "epoch_steps", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_bundle(request(data, tmp_path / "stopped", epochs=4, **changes))
    monkeypatch.undo()
    assert not (tmp_path / "stopped").exists()
    train_bundle(request(data, tmp_path / "stopped", epochs=4, resume=True, **changes))
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    cards = [load_bundle(tmp_path / name).card["training"]["tokens_read"] for name in ("whole", "stopped")]
    assert cards[0] == cards[1] > 0


def test_a_stop_between_the_best_weights_and_the_checkpoint_is_made_good(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """best.safetensors is an epoch ahead of last.safetensors then: that epoch runs again and writes the same."""
    train_bundle(request(data, tmp_path / "whole", epochs=3))
    save, calls = loop.keep_checkpoint, 0

    def interrupt(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        save(*arguments)

    monkeypatch.setattr(loop, "keep_checkpoint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_bundle(request(data, tmp_path / "stopped", epochs=3))
    monkeypatch.undo()
    train_bundle(request(data, tmp_path / "stopped", epochs=3, resume=True))
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    measured = [load_bundle(tmp_path / name).card["measured"] for name in ("whole", "stopped")]
    assert measured[0] == measured[1]


def test_early_stopping_counts_on_after_a_stop(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation 0.5, 0.9, 0.7, Ctrl-C, 0.6 with patience 2: the fourth epoch is the last, the second is kept."""
    scores = iter([0.5, 0.9, 0.7, KeyboardInterrupt(), 0.6, 1.0])

    def next_score(_scores: object) -> float:
        score = next(scores)
        if isinstance(score, KeyboardInterrupt):
            raise score
        return score

    monkeypatch.setattr("training.run.with_validation.validation_map", lambda *_: next_score)
    with pytest.raises(KeyboardInterrupt):
        train_bundle(request(data, tmp_path / "bundle", epochs=10, patience=2))
    train_bundle(request(data, tmp_path / "bundle", epochs=10, patience=2, resume=True))
    card = load_bundle(tmp_path / "bundle").card
    assert (card["training"]["epochs_run"], card["measured"]["best_epoch"]) == (4, 2)


def test_the_last_batches_of_an_epoch_weigh_like_the_others(data: Path, tmp_path: Path) -> None:
    """Five batches an epoch: --accumulate 100 averages the five that there are, like --accumulate 5."""
    for name, accumulate in (("five", 5), ("hundred", 100)):
        train_bundle(request(data, tmp_path / name, accumulate=accumulate, epochs=1))
    five, hundred = weights(tmp_path / "five"), weights(tmp_path / "hundred")
    assert all(torch.equal(five[name], hundred[name]) for name in five)
    steps = [[line for line in log_lines(tmp_path / name) if line["event"] == "step"] for name in ("five", "hundred")]
    assert len(steps[0]) == len(steps[1]) == 1
    assert steps[0][0]["gradient_norm"] == steps[1][0]["gradient_norm"]


def test_a_run_folder_is_never_reused_by_accident(data: Path, tmp_path: Path) -> None:
    """Without --resume an earlier run is named, not overwritten; with other options it is refused."""
    train_bundle(request(data, tmp_path / "bundle", epochs=1))
    (tmp_path / "bundle").rename(tmp_path / "moved")
    with pytest.raises(OutputExists, match="--resume"):
        train_bundle(request(data, tmp_path / "bundle", epochs=1))
    with pytest.raises(LabelSpaceMismatch, match="seed"):
        train_bundle(request(data, tmp_path / "bundle", epochs=1, seed=9, resume=True))
    with pytest.raises(LabelSpaceMismatch, match="documents"):
        train_bundle(request(data, tmp_path / "bundle", epochs=1, fit_splits=("train", "dev"), resume=True))
    others = write_tiny_dataset(tmp_path / "others", seed=1)
    with pytest.raises(LabelSpaceMismatch, match="documents"):
        train_bundle(request(others, tmp_path / "bundle", epochs=1, resume=True))
    assert json.loads((tmp_path / "bundle.run" / "options.json").read_text())["seed"] == 1


def test_a_checkpoint_of_another_label_space_is_refused(data: Path, tmp_path: Path) -> None:
    """The data under a run may not change."""
    train_bundle(request(data, tmp_path / "bundle", epochs=1))
    (tmp_path / "bundle").rename(tmp_path / "moved")
    fewer = write_tiny_dataset(tmp_path / "fewer", codes=4)
    with pytest.raises(LabelSpaceMismatch, match="label_space"):
        train_bundle(request(fewer, tmp_path / "bundle", epochs=1, resume=True))


def test_early_stopping_keeps_the_best_epoch(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation 0.5, 0.9, 0.7, 0.6 with patience 2: four epochs run, the second is kept."""
    scores = iter([0.5, 0.9, 0.7, 0.6, 1.0])
    monkeypatch.setattr("training.run.with_validation.validation_map", lambda *_: lambda _scores: next(scores))
    train_bundle(request(data, tmp_path / "bundle", epochs=10, patience=2))
    card = load_bundle(tmp_path / "bundle").card
    assert card["training"]["epochs_run"] == 4
    assert card["measured"]["best_epoch"] == 2
    from safetensors.torch import load_file

    run = tmp_path / "bundle.run"
    best, last, kept = load_file(run / BEST), load_file(run / LAST), weights(tmp_path / "bundle")
    assert all(torch.equal(best[name], kept[name]) for name in best)
    assert not all(torch.equal(best[name], last[f"network.{name}"]) for name in best)


def test_frozen_states_are_computed_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run with the same encoder, windows and notes reads the cache."""
    train_bundle(request(data, tmp_path / "a", freeze_layers=2, epochs=1))
    monkeypatch.setattr("training.optimise.frozen_states._compute", lambda *_: pytest.fail("computed again"))
    train_bundle(request(data, tmp_path / "b", freeze_layers=2, epochs=1, loss="bce"))


@pytest.mark.parametrize("changes", [{}, {"contrastive_batch": 16}], ids=["plain", "gradient caching"])
def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_documents(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    """The message names the step, the flag and the checkpoint; diverged.json the ids of the one bad batch, no text."""
    whole, calls = step.bce_sum, 0

    def breaks(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return whole(logits, targets) * (torch.nan if calls == 2 else 1)

    monkeypatch.setattr(step, "bce_sum", breaks)
    with pytest.raises(TrainingDiverged, match=r"the loss is nan at step \d: lower --learning-rate"):
        train_bundle(request(data, tmp_path / "bundle", **changes))
    assert not (tmp_path / "bundle").exists()
    report = json.loads((tmp_path / "bundle.run" / "diverged.json").read_text())
    assert report["what"] == "loss"
    assert len(report["document_ids"]) <= OPTIONS.batch_size
    assert set(report["document_ids"]) <= {document.document_id for document in tiny_documents()}


def test_a_gradient_that_is_not_finite_changes_no_weight(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finite loss can have one: the step is not taken, and the message says what broke."""
    monkeypatch.setattr(step, "bce_sum", lambda logits, _targets: torch.sqrt(logits.sum() * 0))
    with pytest.raises(TrainingDiverged, match="the gradient is nan at step 0: lower --learning-rate"):
        train_bundle(request(data, tmp_path / "bundle"))
    assert not (tmp_path / "bundle.run" / LAST).exists()


def test_a_data_directory_named_by_a_dot_has_its_cache_beside_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "." has no name of its own."""
    monkeypatch.chdir(data)
    dotted = TrainingRequest(Path(), tmp_path / "bundle", OPTIONS)
    assert dotted.cache_folder == data.with_name(data.name + ".cache")


@pytest.mark.parametrize(("codes", "number"), [(1, 60), (6, 10)], ids=["one code", "six notes"])
def test_the_smallest_data_trains(tmp_path: Path, codes: int, number: int) -> None:
    """One code leaves nothing to contrast, a handful of notes makes one batch."""
    titles = {label.key: label.title for label in LABELS.labels}
    documents = [replace(document, codes=document.codes[:1]) for document in tiny_documents(number)]
    if codes == 1:
        documents = [replace(document, codes=(LABELS[0].key,)) for document in documents]
    write_dataset(tmp_path / "data", documents, titles, Record(options={}))
    train_bundle(request(tmp_path / "data", tmp_path / "bundle", epochs=1, batch_size=64))
    coder = load_bundle(tmp_path / "bundle")
    assert all(torch.isfinite(value).all() for value in coder.network.state_dict().values())
    assert len(coder.predict(["An invented note."])[0].codes) == len(coder.labels)


def test_data_without_a_code_is_refused(tmp_path: Path) -> None:
    """Before any encoder is opened."""
    from model.labels import LabelSpace

    write_tiny_dataset(tmp_path / "data")
    pq.write_table(LabelSpace(()).to_table(), tmp_path / "data" / "labels.parquet")
    with pytest.raises(EmptyDataset, match="no code"):
        train_bundle(request(tmp_path / "data", tmp_path / "bundle"))


def test_fitting_on_dev_too_holds_patients_back(data: Path, tmp_path: Path) -> None:
    """--fit-splits train,dev validates on patients that are not trained on."""
    train_bundle(request(data, tmp_path / "bundle", epochs=1, fit_splits=("train", "dev")))
    card = load_bundle(tmp_path / "bundle").card
    assert card["data"]["training_documents"] + card["data"]["validation_documents"] == 48
    assert "held back" in card["measured"]["threshold_tuned_on"]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"loss": "nope"}, InvalidOption, "--loss"),
        ({"head": "nope"}, InvalidOption, "--head"),
        ({"temperature": 0.0}, InvalidOption, "--temperature"),
        ({"batch_size": 0}, InvalidOption, "--batch-size"),
        ({"seed": -1}, InvalidOption, "--seed"),
        ({"threads": -1}, InvalidOption, "--threads"),
        ({"warmup": float("nan")}, InvalidOption, "--warmup"),
        ({"freeze_layers": 3}, InvalidOption, "--freeze-layers 3"),
        ({"window": 513}, InvalidOption, "--window 513"),
        ({"views": 2, "freeze_layers": 2}, InvalidOption, "--views 2 needs a layer with dropout"),
        ({"encoder": "/nowhere/at/all"}, InvalidOption, "/nowhere/at/all"),
        ({"fit_splits": ("train", "test")}, InvalidOption, "test"),
        ({"pooling": "maximum"}, InvalidOption, "--pooling"),
        ({"pooling": "codes", "loss": "bce"}, InvalidOption, "--pooling codes needs a contrastive loss"),
        ({"pooling": "codes", "protocol": "two-stage"}, InvalidOption, "--pooling codes reads label attention"),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_written(
    data: Path, tmp_path: Path, changes: dict[str, object], error: type[Exception], said: str
) -> None:
    """The flag or value stands in the message."""
    with pytest.raises(error, match=said):
        train_bundle(request(data, tmp_path / "bundle", **changes))
    assert not (tmp_path / "bundle").exists()


def test_two_sizes_of_a_batch_are_one_too_many() -> None:
    """On the command line, where both can be given."""
    flags = ["--data", "data", "--out", "bundle", "--tokens-per-batch", "900"]
    result = CliRunner().invoke(root, ["train", *flags, "--batch-size", "8"])
    assert isinstance(result.exception, InvalidOption)
    assert "--batch-size and --tokens-per-batch" in str(result.exception)
    result = CliRunner().invoke(root, ["train", *flags, "--preset", "mimic3-full"])
    assert isinstance(result.exception, MissingInput)  # the preset's size gives way; there is no folder "data"


def test_missing_data_and_an_empty_split_are_named(tmp_path: Path) -> None:
    """Before anything is computed."""
    with pytest.raises(MissingInput, match="icd-coder prepare"):
        train_bundle(request(tmp_path / "none", tmp_path / "bundle"))
    only_train = write_tiny_dataset(tmp_path / "small", number=4)
    with pytest.raises(EmptyDataset, match="'dev'"):
        train_bundle(request(only_train, tmp_path / "bundle"))


def test_the_schedule_rises_then_falls_to_zero() -> None:
    """Warm-up over 10 steps, linear decay to step 100."""
    from training.optimise.optimizer import linear_schedule

    values = [linear_schedule(step, 10, 100) for step in range(101)]
    assert values[9] == 1.0
    assert values[0] == 0.1
    assert values[100] == 0.0
    assert values[55] == pytest.approx(0.5)


def test_a_run_goes_on_only_with_the_same_words_hidden(data: Path) -> None:
    """A run of an earlier version hid none: it goes on with --least-patients 1."""
    dataset = load_dataset(data)
    ones, fives = (run_identity(dataset, dataset.documents("train"), [], OPTIONS, least) for least in (1, 5))
    assert "least_patients" not in ones
    assert fives == ones | {"least_patients": 5}
