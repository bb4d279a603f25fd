"""The contrastive term: what the queue adds, what the scale is matched to, what is saved, which options fit."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.errors import InvalidOption
from model.label_sets import LabelSets
from model.losses import AnyLoss, SimilarityDissimilarityLoss
from tests.model.losses.family import draw
from training.optimise.contrastive import ContrastiveTerm, contrastive_term, projection_gradient
from training.options import LOSSES, TrainingOptions

OPTIONS = TrainingOptions(encoder="tiny", normalization="positives", temperature=0.2)
MULTI_LABEL = [loss for loss in LOSSES if loss not in ("bce", "supcon")]
SETS = LabelSets.from_rows([[0, 1], [0], [1, 2], [2]], 3)
PARTLY_OVERLAPPING = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]])

sets = LabelSets.from_multi_hot


def term_of(options: TrainingOptions) -> ContrastiveTerm:
    term = contrastive_term(options)
    assert term is not None
    return term


def gradient(term: ContrastiveTerm, z: Tensor, labels: Tensor) -> Tensor:
    x = z.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(term(x, sets(labels)), x)
    return found


def steps(number: int, size: int = 5) -> list[tuple[Tensor, Tensor]]:
    return [draw(seed, notes=size) for seed in range(number)]


@pytest.mark.parametrize("loss", MULTI_LABEL)
def test_a_queue_adds_the_last_projections_as_candidates(loss: str) -> None:
    """Equal to the loss against the batch and the last seven of fifteen remembered notes, spelled out."""
    term = term_of(replace(OPTIONS, loss=loss, queue=7))
    for z, labels in steps(3):
        term.remember(z, sets(labels))
    z, labels = draw(9, notes=5)
    seen = steps(3)
    memory = torch.cat([rows for rows, _ in seen])[-7:]
    memory_labels = torch.cat([rows for _, rows in seen])[-7:]
    value = term(z, sets(labels))
    expected = term.loss(z, labels, torch.cat([z, memory]), torch.cat([labels, memory_labels]), torch.arange(5))
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)
    assert value.item() != pytest.approx(term.loss(z, labels).item())


def test_an_empty_queue_changes_nothing() -> None:
    """The first step is the plain loss, to the bit, in value and gradient."""
    z, labels = draw(1)
    plain, queued = term_of(OPTIONS), term_of(replace(OPTIONS, queue=4))
    assert torch.equal(plain(z, sets(labels)), queued(z, sets(labels)))
    torch.testing.assert_close(gradient(plain, z, labels), gradient(queued, z, labels), rtol=1e-12, atol=1e-15)


def test_the_gradient_reaches_the_batch_as_anchors_and_as_candidates_and_nothing_that_is_remembered() -> None:
    """Remembered projections are detached, though the step that made them had a graph."""
    term = term_of(replace(OPTIONS, queue=5))
    earlier, earlier_labels = draw(2, notes=5)
    source = earlier.clone().requires_grad_(True)
    term.remember(source * 1.0, sets(earlier_labels))
    z, labels = draw(3, notes=5)
    x = z.clone().requires_grad_(True)
    term(x, sets(labels)).backward()
    assert source.grad is None
    twin = z.clone().requires_grad_(True)
    candidates = torch.cat([twin, earlier])
    term.loss(twin, labels, candidates, torch.cat([labels, earlier_labels]), torch.arange(5)).backward()
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-12, atol=1e-15)


def test_what_is_remembered_does_not_change_with_the_tensors_that_were_given() -> None:
    """An optimiser may reuse their memory."""
    term = term_of(replace(OPTIONS, queue=5))
    earlier, earlier_labels = draw(2, notes=5)
    given = earlier.clone()
    term.remember(given, sets(earlier_labels))
    given.zero_()
    assert torch.equal(term.state()["queue.projections"], earlier)


@pytest.mark.parametrize("loss", [name for name in MULTI_LABEL if name != "jscl"])
def test_a_matched_scale_gives_the_gradient_norm_of_any(loss: str) -> None:
    """On the first batch, with respect to the projections, and without a queue that is empty then."""
    z, labels = draw(4)
    norm = gradient(term_of(replace(OPTIONS, loss="any")), z, labels).norm().item()
    for queue in (0, 6):
        matched = term_of(replace(OPTIONS, loss=loss, match_scale=True, queue=queue))
        assert gradient(matched, z, labels).norm().item() == pytest.approx(norm, rel=1e-12)


def test_sd_by_positives_is_far_weaker_than_any_until_it_is_matched() -> None:
    """The factor is the ratio of the two norms, and more than 2 where overlaps are partial."""
    z = draw(5, notes=5)[0]
    own = gradient(
        ContrastiveTerm(SimilarityDissimilarityLoss(0.2, normalization="positives")), z, PARTLY_OVERLAPPING
    ).norm()
    wanted = gradient(ContrastiveTerm(AnyLoss(0.2)), z, PARTLY_OVERLAPPING).norm()
    matched = term_of(replace(OPTIONS, match_scale=True))
    matched(z, PARTLY_OVERLAPPING)
    assert matched.figures()["contrastive_scale"] == pytest.approx((wanted / own).item(), rel=1e-12)
    assert matched.figures()["contrastive_scale"] > 2


def test_the_scale_is_fixed_by_the_first_batch_that_has_a_positive() -> None:
    """A batch of disjoint notes says nothing about it; a later batch does not change it."""
    matched = term_of(replace(OPTIONS, match_scale=True))
    z, labels = draw(6)
    value = matched(z[:3].requires_grad_(True), torch.eye(3))
    assert value.item() == 0
    assert matched.figures() == {}
    matched(z, labels)
    fixed = matched.figures()
    other, other_labels = draw(7)
    matched(other, other_labels)
    assert matched.figures() == fixed
    plain = term_of(OPTIONS)
    torch.testing.assert_close(matched(other, other_labels), fixed["contrastive_scale"] * plain(other, other_labels))


def test_matching_leaves_any_as_it_is_and_the_batch_without_a_gradient() -> None:
    """A factor of 1; and the measurement leaves no trace in the graph of the step."""
    z, labels = draw(8)
    x = z.clone().requires_grad_(True)
    matched = term_of(replace(OPTIONS, loss="any", match_scale=True))
    matched(x, labels)
    assert x.grad is None
    assert matched.figures()["contrastive_scale"] == 1


def test_the_state_brings_queue_and_scale_back() -> None:
    """A term that is given the state of another goes on as that one does, to the bit."""
    options = replace(OPTIONS, queue=7, match_scale=True)
    first, second = term_of(options), term_of(options).to("cpu")
    for z, labels in steps(3):
        first(z, sets(labels))
        first.remember(z, sets(labels))
    second.load_state({name: value.clone() for name, value in first.state().items()})
    for z, labels in steps(5)[3:]:
        assert torch.equal(first(z, sets(labels)), second(z, sets(labels)))
        for term in (first, second):
            term.remember(z, sets(labels))
    assert first.state().keys() == second.state().keys()
    assert all(torch.equal(first.state()[name], second.state()[name]) for name in first.state())
    second.load_state({})
    assert second.state() == {}


def test_a_term_without_queue_and_scale_has_no_state() -> None:
    """Nothing to save, nothing remembered."""
    term = term_of(OPTIONS)
    z, labels = draw(1)
    term(z, sets(labels))
    term.remember(z, sets(labels))
    assert term.state() == {}
    assert term.figures() == {}


def test_supcon_takes_a_queue_of_single_labels() -> None:
    """Its check for single labels sees the remembered ones too."""
    term = term_of(replace(OPTIONS, loss="supcon", queue=4))
    z = draw(1, notes=4)[0]
    labels = F.one_hot(torch.tensor([0, 1, 0, 1]), 3)
    term.remember(z, sets(labels))
    assert term(z, sets(labels)).item() > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "nope"}, "--loss must be one of .*, got 'nope'"),
        ({"temperature": 0.0}, "--temperature must be a positive number, got 0.0"),
        ({"temperature": float("nan")}, "--temperature must be a positive number, got nan"),
        ({"queue": -1}, "--queue must be at least 0, got -1"),
        ({"queue": 8, "loss": "bce"}, "--queue 8 needs a contrastive loss, and --loss is 'bce'"),
        ({"match_scale": True, "loss": "bce"}, "--match-scale needs a contrastive loss"),
        ({"protocol": "both"}, "--protocol must be one of joint, two-stage, got 'both'"),
        ({"protocol": "two-stage", "loss": "bce"}, "--protocol two-stage needs a contrastive loss"),
        ({"protocol": "two-stage", "contrastive_weight": 0.0}, "--lambda must be above 0 with --protocol two-stage"),
        ({"placement": "nope"}, "--placement must be one of outside, inside, pooled, got 'nope'"),
        ({"normalization": "nope"}, "--normalization must be one of positives, weights, got 'nope'"),
        (
            {"placement": "inside", "normalization": "weights"},
            "--normalization weights goes with --placement outside only, got 'inside': add --normalization positives",
        ),
        ({"stage_two": "warm"}, "--stage-two must be one of frozen, free, got 'warm'"),
    ],
)
def test_a_bad_option_is_named_with_its_value(changes: dict[str, object], said: str) -> None:
    """The flag as the user writes it."""
    with pytest.raises(InvalidOption, match=said):
        replace(OPTIONS, **changes)


@pytest.mark.parametrize("loss", ["sd", "jaccard"])
def test_it_is_the_gradient_of_the_term_over_all_views(loss: str) -> None:
    """View after view, labels repeated, times the factor; the value is without it."""
    term = contrastive_term(TrainingOptions("tiny", loss=loss, temperature=0.5))
    assert term is not None
    torch.manual_seed(0)
    projections = F.normalize(torch.randn(2, 4, 5, dtype=torch.float64), dim=2)
    value, gradient = projection_gradient(term, projections, SETS, 0.25)
    leaf = projections.clone().requires_grad_()
    direct = term(torch.cat([leaf[0], leaf[1]]), LabelSets.joined([SETS, SETS]))
    torch.autograd.backward(0.25 * direct)
    assert leaf.grad is not None
    torch.testing.assert_close(gradient, leaf.grad)
    torch.testing.assert_close(value, direct.detach())
    assert not value.requires_grad


def test_projections_that_are_no_numbers_give_none() -> None:
    """The loss itself would raise; the loop has to name the batch instead."""
    term = contrastive_term(TrainingOptions("tiny"))
    assert term is not None
    value, gradient = projection_gradient(term, torch.full((1, 4, 5), torch.nan), SETS, 1.0)
    assert value.isnan()
    assert gradient.isnan().all()
    assert gradient.shape == (1, 4, 5)
