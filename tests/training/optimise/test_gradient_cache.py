"""Gradient caching gives the gradient of one pass over all notes, dropout included, in the memory of one batch."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.label_sets import LabelSets
from model.network.network import CodingNetwork
from tests.training.tiny_notes import tiny_source, tiny_training_network
from training.optimise.contrastive import contrastive_term
from training.optimise.distributed import ALONE
from training.optimise.gradient_cache import draw_seeds, dropout_from
from training.optimise.step import StepGradient, StepSeen
from training.options import TrainingOptions

NOTES = tiny_source()
BATCHES = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
CACHED = TrainingOptions("tiny", batch_size=5, contrastive_batch=12, contrastive_weight=0.7)
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}


def gradients(network: CodingNetwork) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None}


def by_step(options: TrainingOptions, dtype: torch.dtype) -> tuple[dict[str, Tensor], StepSeen]:
    network = tiny_training_network(dtype, pooling=options.pooling)
    torch.manual_seed(5)
    seen = StepGradient(network, NOTES, contrastive_term(options), options, ALONE)(BATCHES)
    return gradients(network), seen


def in_one_pass(options: TrainingOptions, dtype: torch.dtype) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The slow twin: every batch and view through the whole network, one loss, one backward."""
    network, term = tiny_training_network(dtype, pooling=options.pooling), contrastive_term(options)
    assert term is not None
    torch.manual_seed(5)
    seeds = draw_seeds(len(BATCHES), options.views)
    logits: list[Tensor] = []
    projections: list[list[Tensor]] = [[] for _ in range(options.views)]
    for indices, own in zip(BATCHES, seeds, strict=True):
        for view, seed in enumerate(own):
            with dropout_from(seed, "cpu"):
                output = network(NOTES.batch(indices))
            projections[view].append(output.projections)
            if view == 0:
                logits.append(output.logits)
    labels = LabelSets.joined([NOTES.label_sets(indices) for indices in BATCHES])
    targets = labels.to_multi_hot().to(dtype)
    bce = F.binary_cross_entropy_with_logits(torch.cat(logits), targets, reduction="sum") / 12
    stacked = torch.cat([torch.cat(view) for view in projections])
    value = term(stacked, LabelSets.joined([labels] * options.views))
    torch.autograd.backward(bce + options.contrastive_weight * value)
    return gradients(network), bce.detach(), value.detach()


def largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Relative to the norm of each gradient; one that is zero but for rounding, as those of key biases are, to all."""
    assert found.keys() == expected.keys()
    floor = 1e-6 * torch.stack([gradient.norm() for gradient in expected.values()]).norm()
    return max(float((found[name] - expected[name]).norm() / max(expected[name].norm(), floor)) for name in expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("loss", ["sd", "jscl"])
def test_two_passes_give_the_gradient_of_one(dtype: torch.dtype, views: int, loss: str) -> None:
    """With dropout in every layer, ragged notes, a short last batch, and notes of more windows than are split."""
    options = replace(CACHED, views=views, loss=loss)
    found, seen = by_step(options, dtype)
    expected, bce, value = in_one_pass(options, dtype)
    assert largest_difference(found, expected) < TOLERANCE[dtype]
    torch.testing.assert_close(seen.bce.sum(), bce)
    torch.testing.assert_close(seen.contrastive.sum(), value)
    assert seen.projections.shape == (views * 12, 128)
    assert not seen.projections.requires_grad
    labels = [NOTES.label_sets(indices).to_multi_hot() for indices in BATCHES]
    assert torch.equal(seen.labels.to_multi_hot(), torch.cat(labels).repeat(views, 1))


def test_two_passes_give_the_gradient_of_one_where_the_embedding_reads_the_codes() -> None:
    """Its label attention draws dropout in both passes: the same."""
    options = replace(CACHED, pooling="codes")
    found, seen = by_step(options, torch.float64)
    expected, _, value = in_one_pass(options, torch.float64)
    assert largest_difference(found, expected) < TOLERANCE[torch.float64]
    torch.testing.assert_close(seen.contrastive.sum(), value)


def test_the_comparison_can_fail() -> None:
    """Without the replay the two differ by far more than the tolerance."""
    network = tiny_training_network(torch.float64)
    torch.manual_seed(6)
    StepGradient(network, NOTES, contrastive_term(CACHED), CACHED, ALONE)(BATCHES)
    assert largest_difference(gradients(network), in_one_pass(CACHED, torch.float64)[0]) > 1e-2


def test_a_batch_of_its_own_is_the_plain_gradient() -> None:
    """Without dropout, one batch: caching, the plain step, and the contrastive loss by autograd agree."""
    found = []
    for size in (0, 12):
        options = TrainingOptions("tiny", batch_size=6, contrastive_batch=size)
        network = tiny_training_network(torch.float64, dropout=0.0)
        batches = [[*range(12)]] if size == 0 else [[*range(6)], [*range(6, 12)]]
        StepGradient(network, NOTES, contrastive_term(options), options, ALONE)(batches)
        found.append(gradients(network))
    network, term = tiny_training_network(torch.float64, dropout=0.0), contrastive_term(CACHED)
    assert term is not None
    batch, labels = NOTES.batch(range(12)), NOTES.label_sets(range(12))
    output = network(batch)
    bce = F.binary_cross_entropy_with_logits(output.logits, labels.to_multi_hot().double(), reduction="sum") / 12
    torch.autograd.backward(bce + term(output.projections, labels))
    assert largest_difference(found[0], gradients(network)) < 1e-12
    assert largest_difference(found[1], gradients(network)) < 1e-12


def test_two_views_without_caching_are_two_samples_a_note() -> None:
    """The term sees both, view after view, with the labels twice; BCE reads the first."""
    options = TrainingOptions("tiny", batch_size=12, views=2)
    network = tiny_training_network(torch.float64)
    torch.manual_seed(3)
    seen = StepGradient(network, NOTES, contrastive_term(options), options, ALONE)([[*range(12)]])
    torch.manual_seed(3)
    batch, labels = NOTES.batch(range(12)), NOTES.label_sets(range(12))
    first, second = network(batch), network.projections(batch)
    torch.testing.assert_close(seen.projections, torch.cat([first.projections, second]))
    assert not torch.equal(first.projections, second)
    assert torch.equal(seen.labels.to_multi_hot(), labels.to_multi_hot().repeat(2, 1))
    bce = F.binary_cross_entropy_with_logits(first.logits, labels.to_multi_hot().double(), reduction="sum") / 12
    torch.testing.assert_close(seen.bce.sum(), bce)


class Held:
    """A tensor that autograd keeps; counts its bytes as long as it is kept."""

    live = peak = 0

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        Held.live += tensor.nbytes
        Held.peak = max(Held.peak, Held.live)

    def __del__(self) -> None:
        Held.live -= self.tensor.nbytes


@contextmanager
def counted_activations() -> Iterator[None]:
    gc.collect()
    Held.live = Held.peak = 0
    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        yield


def test_activations_do_not_grow_with_the_contrastive_batch() -> None:
    """Six batches at once keep what one batch keeps, and the projections."""
    peaks = []
    for batches in ([[*range(8)]], [[*range(8)]] * 6):
        options = TrainingOptions("tiny", batch_size=4, contrastive_batch=48)
        network = tiny_training_network(torch.float32)
        with counted_activations():
            StepGradient(network, NOTES, contrastive_term(options), options, ALONE)(batches)
        peaks.append(Held.peak)
    assert peaks[0] > 0
    assert peaks[1] < 1.3 * peaks[0]


def test_the_random_state_outside_moves_on_by_the_seeds_alone() -> None:
    """However much dropout was drawn."""
    torch.manual_seed(5)
    draw_seeds(len(BATCHES), 1)
    expected = torch.rand(3)
    network = tiny_training_network(torch.float32)
    torch.manual_seed(5)
    StepGradient(network, NOTES, contrastive_term(CACHED), CACHED, ALONE)(BATCHES)
    assert torch.equal(torch.rand(3), expected)
