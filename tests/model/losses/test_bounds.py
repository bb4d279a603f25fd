"""Properties 5 to 7: what SD is on single labels, and between which bounds it lies, anchor by anchor."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.label_sets import LabelSets
from model.losses import (
    AllLoss,
    AnyLoss,
    JaccardLoss,
    MulSupConLoss,
    MultiSupConLoss,
    SimilarityDissimilarityLoss,
    SupConLoss,
)
from model.losses.pair_loss import PairLoss
from model.losses.pairs import make_pairs
from tests.model.losses.family import draw

TAU = 0.2
SEEDS = range(20)
SINGLE_LABELS = F.one_hot(torch.tensor([0, 1, 0, 2, 1, 1, 0, 2, 3]), 4)
BY_POSITIVES = SimilarityDissimilarityLoss(TAU, "outside", "positives")


def weights_of(labels: Tensor) -> Tensor:
    """K within a batch, (B, B)."""
    sets = LabelSets.from_multi_hot(labels)
    pairs = make_pairs(sets, sets, torch.arange(len(labels)), torch.float64)
    return SimilarityDissimilarityLoss().pair_weights(pairs)


def by_anchor(loss: PairLoss, z: Tensor, labels: Tensor) -> dict[int, float]:
    """The loss of each anchor that has a positive, alone against the batch."""
    active = (weights_of(labels) > 0).any(dim=1).nonzero()[:, 0].tolist()
    return {i: loss(z[i : i + 1], labels[i : i + 1], z, labels, torch.tensor([i])).item() for i in active}


@pytest.mark.parametrize("placement", ["outside", "inside"])
def test_single_labels_give_supcon_to_the_bit(placement: str) -> None:
    """Property 5: a class of one sample among them."""
    z, _ = draw(1)
    loss = SimilarityDissimilarityLoss(TAU, placement, "positives")
    assert torch.equal(loss(z, SINGLE_LABELS), SupConLoss(TAU)(z, SINGLE_LABELS))
    assert set(weights_of(SINGLE_LABELS).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("make", [AllLoss, AnyLoss, JaccardLoss, MultiSupConLoss, MulSupConLoss])
def test_single_labels_make_the_weighted_family_one_loss(make: type[PairLoss]) -> None:
    """When every class has two samples."""
    z, labels = draw(2, notes=8)[0], SINGLE_LABELS[:8]
    torch.testing.assert_close(make(TAU)(z, labels), SupConLoss(TAU)(z, labels), rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_outside_lies_between_any_scaled_by_the_least_weight_and_any_and_inside_above(seed: int) -> None:
    """Property 6: K_min * ANY_i <= outside_i <= ANY_i <= inside_i."""
    z, labels = draw(seed)
    weights = weights_of(labels)
    outside, overlap, inside = (
        by_anchor(loss, z, labels) for loss in (BY_POSITIVES, AnyLoss(TAU), SimilarityDissimilarityLoss(TAU, "inside"))
    )
    assert outside
    for i, value in outside.items():
        least = weights[i][weights[i] > 0].min().item()
        slack = 1e-12 * overlap[i]
        assert least * overlap[i] - slack <= value <= overlap[i] + slack
        assert overlap[i] <= inside[i] + slack


@pytest.mark.parametrize("seed", SEEDS)
def test_the_entropy_of_the_weights_bounds_the_loss_from_below(seed: int) -> None:
    """Property 7: outside_i >= Kbar_i H(q_i); property 8: with weights, >= H(q_i)."""
    z, labels = draw(seed)
    weights = weights_of(labels)
    outside = by_anchor(BY_POSITIVES, z, labels)
    normalised = by_anchor(SimilarityDissimilarityLoss(TAU, normalization="weights"), z, labels)
    for i, value in outside.items():
        positive = weights[i][weights[i] > 0]
        shares = positive / positive.sum()
        entropy = -(shares * shares.log()).sum().item()
        assert value >= positive.mean().item() * entropy - 1e-12
        assert normalised[i] >= entropy - 1e-12


def test_the_lower_bound_is_reached_where_the_softmax_equals_the_shares() -> None:
    """Property 7 is tight: scores log q over the positives, and no negative to speak of."""
    labels = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 1]])
    weights = weights_of(labels)[0, 1:]
    shares = weights / weights.sum()
    anchor, candidates = shares.log()[None], torch.eye(3, dtype=torch.float64)
    loss = SimilarityDissimilarityLoss(1.0, normalization="positives")
    value = loss(anchor, labels[:1], candidates, labels[1:]).item()
    entropy = -(shares * shares.log()).sum().item()
    assert value == pytest.approx(weights.mean().item() * entropy, rel=1e-12)
    assert not math.isclose(entropy, 0)
