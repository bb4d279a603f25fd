"""Every member of the family against its nested-loop twin, gradcheck, and the degenerate batches."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.label_sets import LabelSets
from model.losses import (
    AllLoss,
    AnyLoss,
    JaccardLoss,
    JSCLLoss,
    MulSupConLoss,
    MultiSupConLoss,
    SimilarityDissimilarityLoss,
    SupConLoss,
)
from model.losses.ablations import VARIANTS, AblatedSDLoss
from tests.oracles_losses import jscl_twin, mulsupcon_twin, weighted_twin

Loss = Callable[..., Tensor]
TAU = 0.2
MEMBERS: dict[str, tuple[Loss, Callable[[Tensor, Tensor], float]]] = {
    "all": (AllLoss(TAU), lambda z, y: weighted_twin("all", z, y, TAU)),
    "any": (AnyLoss(TAU), lambda z, y: weighted_twin("any", z, y, TAU)),
    "mulsupcon labels": (MulSupConLoss(TAU), lambda z, y: mulsupcon_twin(z, y, TAU, "labels")),
    "mulsupcon anchors": (MulSupConLoss(TAU, "anchors"), lambda z, y: mulsupcon_twin(z, y, TAU, "anchors")),
    "multisupcon": (MultiSupConLoss(TAU), lambda z, y: weighted_twin("multisupcon", z, y, TAU)),
    "jaccard": (JaccardLoss(TAU), lambda z, y: weighted_twin("jaccard", z, y, TAU)),
    "jscl": (JSCLLoss(TAU), lambda z, y: jscl_twin(z, y, TAU)),
    "sd": (SimilarityDissimilarityLoss(TAU), lambda z, y: weighted_twin("sd", z, y, TAU)),
    **{name: (AblatedSDLoss(name, TAU), lambda z, y, name=name: weighted_twin(name, z, y, TAU)) for name in VARIANTS},
}


def draw(seed: int, notes: int = 9, codes: int = 6) -> tuple[Tensor, Tensor]:
    """Unit rows, some of them without labels, some with equal label sets."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(notes, 4, generator=generator, dtype=torch.float64)
    labels = (torch.rand(notes, codes, generator=generator) < 0.4).long()
    labels[1], labels[2] = labels[0], 0
    return F.normalize(z, dim=1), labels


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("seed", range(6))
def test_equals_its_nested_loop_twin(name: str, seed: int) -> None:
    """To 1e-10 in float64."""
    loss, twin = MEMBERS[name]
    z, labels = draw(seed)
    assert loss(z, labels).item() == pytest.approx(twin(z, labels), abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("name", MEMBERS)
def test_gradient_equals_finite_differences(name: str) -> None:
    """For anchors and for a separate candidate set."""
    loss, _ = MEMBERS[name]
    z, labels = draw(3)
    other, other_labels = draw(4)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), z.requires_grad_(True))
    assert torch.autograd.gradcheck(lambda c: loss(z.detach(), labels, c, other_labels), other.requires_grad_(True))


@pytest.mark.parametrize("name", MEMBERS)
def test_index_lists_equal_multi_hot_labels(name: str) -> None:
    """LabelSets are the same labels in another form."""
    loss, _ = MEMBERS[name]
    z, labels = draw(5)
    rows = [row.nonzero()[:, 0].tolist() for row in labels]
    torch.testing.assert_close(loss(z, LabelSets.from_rows(rows, 6)), loss(z, labels), rtol=0, atol=0)


@pytest.mark.parametrize("name", MEMBERS)
def test_the_batch_as_its_own_candidates_is_the_batch_form(name: str) -> None:
    """With self_index the anchor is told where it stands, in any order of the candidates."""
    loss, _ = MEMBERS[name]
    z, labels = draw(6)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))
    value = loss(z, labels, z[order], labels[order], self_index=order.argsort())
    torch.testing.assert_close(value, loss(z, labels))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_memory_without_the_anchors_takes_part_whole(name: str) -> None:
    """self_index -1, or none at all: every candidate counts."""
    loss, _ = MEMBERS[name]
    z, labels = draw(7)
    memory, memory_labels = draw(8)
    absent = torch.full((len(z),), -1)
    torch.testing.assert_close(
        loss(z, labels, memory, memory_labels, absent), loss(z, labels, memory, memory_labels), rtol=0, atol=0
    )


@pytest.mark.parametrize("name", MEMBERS)
def test_a_batch_without_positives_gives_zero_and_a_zero_gradient(name: str) -> None:
    """Disjoint labels, empty labels, one note."""
    loss, _ = MEMBERS[name]
    for labels in (torch.eye(3), torch.zeros(3, 3), torch.ones(1, 3)):
        z = F.normalize(torch.randn(len(labels), 4), dim=1).requires_grad_(True)
        value = loss(z, labels)
        value.backward()
        assert value.item() == 0
        assert z.grad is not None
        assert (z.grad == 0).all()


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_inputs_are_computed_in_float32(name: str, dtype: torch.dtype) -> None:
    """The value is that of the rounded embeddings in float32, and finite at tau = 0.2 and below."""
    loss, _ = MEMBERS[name]
    z, labels = draw(9)
    rounded = z.to(dtype)
    torch.testing.assert_close(loss(rounded, labels), loss(rounded.float(), labels), rtol=0, atol=0)


SINGLE = [
    (name, loss)
    for name, loss in {
        "all": AllLoss(TAU),
        "any": AnyLoss(TAU),
        "jaccard": JaccardLoss(TAU),
        "multisupcon": MultiSupConLoss(TAU),
        "mulsupcon": MulSupConLoss(TAU),
        "sd outside": SimilarityDissimilarityLoss(TAU),
        "sd inside": SimilarityDissimilarityLoss(TAU, "inside"),
        "sd weights": SimilarityDissimilarityLoss(TAU, normalization="weights"),
    }.items()
]


@pytest.mark.parametrize(("name", "loss"), SINGLE)
def test_single_label_data_give_supcon(name: str, loss: Loss) -> None:
    """When every class has two samples, the family is one loss."""
    z, _ = draw(10, notes=8)
    labels = F.one_hot(torch.tensor([0, 1, 0, 2, 1, 1, 0, 2]), 3)
    torch.testing.assert_close(loss(z, labels), SupConLoss(TAU)(z, labels))
    assert SupConLoss(TAU)(z, labels).item() == pytest.approx(weighted_twin("supcon", z, labels, TAU), rel=1e-10)


def test_supcon_refuses_multi_label_rows() -> None:
    """With the losses that would take them."""
    with pytest.raises(ValueError, match="SupCon takes one"):
        SupConLoss()(torch.ones(2, 2), torch.ones(2, 2))


def test_shuffling_keeps_positives_and_row_sums() -> None:
    """The ablation deals the same weights to the same positives, in another order."""
    from model.losses.pairs import make_pairs

    _, labels = draw(11, notes=12)
    sets = LabelSets.from_multi_hot(labels)
    pairs = make_pairs(sets, sets, torch.arange(12), torch.float64)
    plain = SimilarityDissimilarityLoss().pair_weights(pairs)
    dealt = AblatedSDLoss("shuffled", seed=1).pair_weights(pairs)
    assert ((plain > 0) == (dealt > 0)).all()
    torch.testing.assert_close(plain.sort(dim=1).values, dealt.sort(dim=1).values)
    assert not torch.equal(plain, dealt)


def test_the_closed_form_equals_plain_autograd() -> None:
    """One autograd function against log_softmax and a graph, for anchors that are candidates too."""
    z, labels = draw(12)
    closed, plain = z.clone().requires_grad_(True), z.clone().requires_grad_(True)
    loss = SimilarityDissimilarityLoss(TAU)
    loss(closed, labels).backward()
    own = torch.eye(len(z), dtype=torch.bool)
    scores = (plain @ plain.T / TAU).masked_fill(own, -torch.inf)
    log_p = torch.log_softmax(scores, dim=1).masked_fill(own, 0)
    from model.losses.pairs import make_pairs

    sets = LabelSets.from_multi_hot(labels)
    weights = loss.pair_weights(make_pairs(sets, sets, torch.arange(len(z)), torch.float64))
    rows = (weights > 0).any(1)
    (-(weights * log_p).sum(1)[rows] / (weights > 0).sum(1)[rows]).mean().backward()
    torch.testing.assert_close(closed.grad, plain.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: AnyLoss(-1.0), "temperature"),
        (lambda: MulSupConLoss(weighting="x"), "weighting"),
        (lambda: MultiSupConLoss(threshold=0.0), "threshold"),
        (lambda: AblatedSDLoss("x"), "variant"),
        (lambda: JSCLLoss(float("inf")), "temperature"),
        (lambda: LabelSets.from_rows([[7]], 5), "num_labels"),
        (lambda: AnyLoss()(torch.ones(2, 2), LabelSets.from_rows([[1]], 5)), "labels"),
        (lambda: AnyLoss()(torch.ones(2, 2), torch.full((2, 2), 2.0)), "labels"),
        (lambda: AnyLoss()(torch.ones(2, 2), torch.ones(2, 2), torch.ones(3, 2)), "candidate_labels"),
        (
            lambda: AnyLoss()(
                torch.ones(2, 2), torch.ones(2, 2), torch.ones(3, 2), torch.ones(3, 2), torch.tensor([0, 3])
            ),
            "self_index",
        ),
    ],
)
def test_a_bad_argument_is_named(make: Callable[[], object], named: str) -> None:
    """ValueError with the argument's name and value."""
    with pytest.raises(ValueError, match=named):
        make()
