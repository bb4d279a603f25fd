"""Property 10: anchors and batches without a positive add 0 and a zero, finite gradient."""

import pytest
import torch
from torch.nn import functional as F

from model.losses.ablations import AblatedSDLoss
from model.losses.pair_loss import PairLoss
from tests.model.losses.family import MEMBERS, draw

TAU = 0.07
LOSSES: dict[str, PairLoss] = {
    **{name: member.make(TAU) for name, member in MEMBERS.items()},
    "shuffled": AblatedSDLoss("shuffled", TAU),
}
BY_NUMBER_OF_ANCHORS = {"mulsupcon anchors"}
"""Divides by B: an anchor that adds 0 still counts."""


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("labels", [torch.eye(3), torch.zeros(3, 3), torch.ones(1, 3), torch.zeros(0, 3)])
def test_a_batch_without_positives_gives_zero_and_a_zero_gradient(name: str, labels: torch.Tensor) -> None:
    """Disjoint labels, no labels, one note, no note."""
    generator = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(len(labels), 4, generator=generator), dim=1).requires_grad_(True)
    value = LOSSES[name](z, labels)
    value.backward()
    assert value.item() == 0
    assert z.grad is not None
    assert (z.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_an_anchor_without_labels_adds_nothing(name: str) -> None:
    """The value is that without it, and it gets a zero gradient."""
    candidates, candidate_labels = draw(1)
    z, labels = draw(2, notes=4)
    z, labels = z[:3].requires_grad_(True), labels[:3]  # the third has no label
    candidate_labels[4] = labels[0]  # a positive for ALL as well
    value = LOSSES[name](z, labels, candidates, candidate_labels)
    (gradient,) = torch.autograd.grad(value, z)
    assert (gradient[2] == 0).all()
    assert torch.isfinite(gradient).all()
    assert gradient[:2].abs().sum() > 0
    if name != "shuffled":  # which deals other weights to another number of rows
        without = LOSSES[name](z[:2], labels[:2], candidates, candidate_labels).item()
        assert value.item() == pytest.approx(without * (2 / 3 if name in BY_NUMBER_OF_ANCHORS else 1), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_an_anchor_with_labels_that_no_other_sample_has_gets_a_zero_gradient(name: str) -> None:
    """It is still a negative of the others, so as a candidate it does get one."""
    z, labels = draw(3)
    labels = torch.cat([labels, torch.zeros(9, 1, dtype=torch.int64)], dim=1)
    labels[4] = torch.tensor([0, 0, 0, 0, 0, 0, 1])
    anchors, candidates = z.clone().requires_grad_(True), z.clone().requires_grad_(True)
    value = LOSSES[name](anchors, labels, candidates, labels, torch.arange(9))
    as_anchor, as_candidate = torch.autograd.grad(value, (anchors, candidates))
    assert (as_anchor[4] == 0).all()
    assert torch.isfinite(as_candidate).all()
    assert as_candidate[4].abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_no_candidate_at_all_gives_zero(name: str) -> None:
    """An empty memory, with and without anchors that would have labels."""
    z, labels = draw(4)
    value = LOSSES[name](z.requires_grad_(True), labels, torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, 6))
    (gradient,) = torch.autograd.grad(value, z)
    assert value.item() == 0
    assert (gradient == 0).all()


def test_the_zero_of_a_batch_without_positives_is_finite_in_fp16() -> None:
    """A plain sum of a large half-precision batch would overflow, and infinity times zero is no number."""
    for loss in LOSSES.values():
        z = torch.full((256, 512), 0.9, dtype=torch.float16, requires_grad=True)
        value = loss(z, torch.zeros(256, 3))
        (gradient,) = torch.autograd.grad(value, z)
        assert value.item() == 0
        assert (gradient == 0).all()
