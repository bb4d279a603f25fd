"""Property 8 and its kin: the gradient in closed form, against the formula, plain autograd and finite differences."""

import pytest
import torch
from torch import Tensor

from model.label_sets import LabelSets
from model.losses import AnyLoss, SimilarityDissimilarityLoss
from model.losses.ablations import AblatedSDLoss
from model.losses.pair_loss import PairLoss
from model.losses.pairs import make_pairs
from tests.model.losses.family import MEMBERS, against_candidates, draw

TAU = 0.2


def score_gradient(loss: PairLoss, problem_seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient by the scores, p and K, (B, M): with the unit vectors as candidates, an anchor is its own scores."""
    problem = against_candidates(problem_seed)
    generator = torch.Generator().manual_seed(problem_seed)
    anchors = torch.randn(5, 9, generator=generator, dtype=torch.float64).requires_grad_(True)
    place = torch.tensor(problem.place)
    units = torch.eye(9, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(loss(anchors, problem.labels, units, problem.candidate_labels, place), anchors)
    pairs = make_pairs(
        LabelSets.from_multi_hot(problem.labels),
        LabelSets.from_multi_hot(problem.candidate_labels),
        place,
        torch.float64,
    )
    scores = (anchors.detach() / loss.temperature).masked_fill(~pairs.others, -torch.inf)
    return gradient * loss.temperature, scores.softmax(dim=1), SimilarityDissimilarityLoss().pair_weights(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_the_score_gradient_of_outside_has_the_closed_form(seed: int) -> None:
    """Property 8: Kbar p - [a in P] K / |P|, over the number of anchors that count; rows sum to 0."""
    gradient, p, k = score_gradient(SimilarityDissimilarityLoss(TAU, normalization="positives"), seed)
    number = (k > 0).sum(dim=1, keepdim=True).clamp(min=1)
    active = (k > 0).any(dim=1)
    expected = (k.sum(dim=1, keepdim=True) / number * p - k / number) / active.sum()
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(gradient.sum(dim=1), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_the_score_gradient_by_weights_has_the_closed_form(seed: int) -> None:
    """Property 8: p - K / sum K."""
    gradient, p, k = score_gradient(SimilarityDissimilarityLoss(TAU, normalization="weights"), seed)
    active = (k > 0).any(dim=1, keepdim=True)
    expected = torch.where(active, p - k / k.sum(dim=1, keepdim=True), 0) / active.sum()
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_inside_has_the_gradient_of_any_to_the_bit(seed: int) -> None:
    """K within the logarithm adds a constant to ANY and moves nothing, for anchors and for candidates."""
    problem = against_candidates(seed)
    place, gradients, values = torch.tensor(problem.place), [], []
    for loss in (SimilarityDissimilarityLoss(TAU, "inside"), AnyLoss(TAU)):
        inputs = problem.z.clone().requires_grad_(True), problem.candidates.clone().requires_grad_(True)
        value = loss(inputs[0], problem.labels, inputs[1], problem.candidate_labels, place)
        gradients.append(torch.autograd.grad(value, inputs))
        values.append(value.item())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*gradients, strict=True))
    assert gradients[0][0].abs().sum() > 0
    assert values[0] > values[1]


def test_pooled_has_another_gradient_than_any() -> None:
    """K within the sum does have an effect."""
    z, labels = draw(3)
    pooled, overlap = (
        torch.autograd.grad(loss(x, labels), x)[0]
        for loss, x in (
            (SimilarityDissimilarityLoss(TAU, "pooled"), z.clone().requires_grad_(True)),
            (AnyLoss(TAU), z.clone().requires_grad_(True)),
        )
    )
    assert (pooled - overlap).abs().max() > 1e-3


@pytest.mark.parametrize("name", MEMBERS)
def test_gradient_equals_finite_differences_in_a_batch(name: str) -> None:
    """By torch's gradcheck in float64."""
    z, labels = draw(3)
    loss = MEMBERS[name].make(TAU)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), z.requires_grad_(True))


@pytest.mark.parametrize("name", MEMBERS)
def test_gradient_equals_finite_differences_against_candidates(name: str) -> None:
    """For anchors and candidates at once, some anchors being candidates."""
    problem = against_candidates(3)
    loss, place = MEMBERS[name].make(TAU), torch.tensor(problem.place)
    assert torch.autograd.gradcheck(
        lambda x, c: loss(x, problem.labels, c, problem.candidate_labels, place),
        (problem.z.requires_grad_(True), problem.candidates.requires_grad_(True)),
    )


def test_gradient_of_the_shuffled_ablation_equals_finite_differences() -> None:
    """With the same weights dealt at every call."""
    z, labels = draw(5)
    assert torch.autograd.gradcheck(lambda x: AblatedSDLoss("shuffled", TAU, seed=3)(x, labels), z.requires_grad_(True))


def test_the_closed_form_equals_plain_autograd() -> None:
    """One autograd function against log_softmax and a graph, for anchors that are candidates too."""
    z, labels = draw(12)
    closed, plain = z.clone().requires_grad_(True), z.clone().requires_grad_(True)
    loss = SimilarityDissimilarityLoss(TAU, normalization="positives")
    loss(closed, labels).backward()
    own = torch.eye(len(z), dtype=torch.bool)
    scores = (plain @ plain.T / TAU).masked_fill(own, -torch.inf)
    log_p = torch.log_softmax(scores, dim=1).masked_fill(own, 0)
    sets = LabelSets.from_multi_hot(labels)
    weights = loss.pair_weights(make_pairs(sets, sets, torch.arange(len(z)), torch.float64))
    rows = (weights > 0).any(1)
    (-(weights * log_p).sum(1)[rows] / (weights > 0).sum(1)[rows]).mean().backward()
    torch.testing.assert_close(closed.grad, plain.grad, rtol=1e-12, atol=1e-14)
