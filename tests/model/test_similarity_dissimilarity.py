"""The SD loss against a nested-loop float64 twin, finite differences, and its stated properties."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.losses import SimilarityDissimilarityLoss

CHOICES = [("outside", "positives"), ("outside", "weights"), ("inside", "positives"), ("pooled", "positives")]


def twin(z: Tensor, labels: Tensor, tau: float, placement: str, normalization: str) -> float:
    """Plain loops over anchors and samples, straight from the definitions."""
    total, anchors = 0.0, 0
    sets = [{column for column in range(labels.shape[1]) if row[column]} for row in labels.tolist()]
    for i, s in enumerate(sets):
        scores = {a: float(z[i] @ z[a]) / tau for a in range(len(sets)) if a != i}
        positives = [p for p in scores if s & sets[p]]
        if not positives:
            continue
        anchors += 1
        normaliser = math.log(sum(math.exp(score) for score in scores.values()))
        weights = {p: len(s & sets[p]) / len(s) / (1 + len(sets[p] - s)) for p in positives}
        log_p = {p: scores[p] - normaliser for p in positives}
        number = len(positives)
        if placement == "pooled":
            total -= math.log(sum(weights[p] * math.exp(log_p[p]) for p in positives)) / number
        elif placement == "inside":
            total -= sum(math.log(weights[p]) + log_p[p] for p in positives) / number
        else:
            divisor = sum(weights.values()) if normalization == "weights" else number
            total -= sum(weights[p] * log_p[p] for p in positives) / divisor
    return total / anchors if anchors else 0.0


def draw(seed: int, notes: int = 7, codes: int = 6, size: int = 5) -> tuple[Tensor, Tensor]:
    """Unit rows, and label sets some of which are empty."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(notes, size, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=1), (torch.rand(notes, codes, generator=generator) < 0.35).long()


@pytest.mark.parametrize(("placement", "normalization"), CHOICES)
@pytest.mark.parametrize("seed", range(8))
def test_equals_the_nested_loop_twin(seed: int, placement: str, normalization: str) -> None:
    """To 1e-10 in float64, at two temperatures."""
    z, labels = draw(seed)
    for tau in (0.07, 0.5):
        value = SimilarityDissimilarityLoss(tau, placement, normalization)(z, labels).item()
        assert value == pytest.approx(twin(z, labels, tau, placement, normalization), abs=1e-10, rel=1e-10)


@pytest.mark.parametrize(("placement", "normalization"), CHOICES)
def test_gradient_equals_finite_differences(placement: str, normalization: str) -> None:
    """By torch's gradcheck in float64."""
    z, labels = draw(3)
    loss = SimilarityDissimilarityLoss(0.2, placement, normalization)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), z.requires_grad_(True))


def test_inside_has_the_gradient_of_any_exactly() -> None:
    """K inside the logarithm adds a constant to ANY and moves nothing."""
    z, labels = draw(5)
    gradients = []
    for loss in (SimilarityDissimilarityLoss(0.1, "inside"), lambda x, y: any_loss(x, y, 0.1)):
        x = z.clone().requires_grad_(True)
        loss(x, labels).backward()
        gradients.append(x.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


def any_loss(z: Tensor, labels: Tensor, tau: float) -> Tensor:
    """ANY (Zhang & Wu, AAAI 2024): every overlapping sample counts alike."""
    own = torch.eye(len(z), dtype=torch.bool)
    scores = (z @ z.T / tau).masked_fill(own, -torch.inf)
    positives = ((labels @ labels.T) > 0) & ~own
    log_p = (scores - scores.logsumexp(1, keepdim=True)).masked_fill(~positives, 0)
    rows = positives.any(1)
    return -(log_p.sum(1)[rows] / positives.sum(1)[rows]).mean()


@pytest.mark.parametrize("placement", ["outside", "inside"])
def test_single_label_data_give_supcon(placement: str) -> None:
    """Khosla et al. 2020, Eq. 2, of which ANY is the form when every note has one label."""
    z, _ = draw(9, notes=8)
    labels = F.one_hot(torch.tensor([0, 1, 0, 2, 1, 1, 0, 2]), 3)
    value = SimilarityDissimilarityLoss(0.07, placement)(z, labels)
    torch.testing.assert_close(value, any_loss(z, labels, 0.07), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("placement", "normalization"), CHOICES)
def test_a_batch_without_positives_gives_zero_and_a_zero_gradient(placement: str, normalization: str) -> None:
    """Disjoint labels, empty labels, and a batch of one can all be back-propagated."""
    loss = SimilarityDissimilarityLoss(0.07, placement, normalization)
    for labels in (torch.eye(3), torch.zeros(3, 3), torch.ones(1, 3)):
        z = F.normalize(torch.randn(len(labels), 4), dim=1).requires_grad_(True)
        value = loss(z, labels)
        value.backward()
        assert value.item() == 0
        assert z.grad is not None
        assert (z.grad == 0).all()


def test_a_separate_candidate_set_with_self_index_equals_the_batch_form() -> None:
    """Anchors 0 to 2 against all rows, each told where it stands itself."""
    z, labels = draw(11)
    loss = SimilarityDissimilarityLoss(0.3)
    value = loss(z[:3], labels[:3], candidates=z, candidate_labels=labels, self_index=torch.arange(3))
    weights = [bool(((labels[i] * labels).sum(1) > 0)[torch.arange(7) != i].any()) for i in range(3)]
    single = [
        loss(z[i : i + 1], labels[i : i + 1], z, labels, torch.tensor([i])).item() for i in range(3) if weights[i]
    ]
    assert value.item() == pytest.approx(sum(single) / len(single))
    shuffled = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    place = torch.argsort(shuffled)[:3]
    again = loss(z[:3], labels[:3], z[shuffled], labels[shuffled], self_index=place)
    torch.testing.assert_close(again, value)


def test_batch_order_label_order_and_empty_columns_change_nothing() -> None:
    """Invariances of a loss over sets."""
    z, labels = draw(13)
    loss = SimilarityDissimilarityLoss()
    value = loss(z, labels)
    rows, columns = torch.randperm(7), torch.randperm(6)
    padded = torch.cat([labels[rows][:, columns], torch.zeros(7, 3, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(loss(z[rows], padded), value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("tau", [0.07, 0.01])
def test_finite_in_every_precision_with_antipodal_pairs(dtype: torch.dtype, tau: float) -> None:
    """Scores of +-100 overflow exp in 16 bits; log-sum-exp in float32 does not."""
    row = F.normalize(torch.ones(1, 4), dim=1)
    z = torch.cat([row, -row, row, -row]).to(dtype).requires_grad_(True)
    labels = torch.tensor([[1, 0], [1, 1], [0, 1], [1, 0]])
    for placement, normalization in CHOICES:
        value = SimilarityDissimilarityLoss(tau, placement, normalization)(z, labels)
        (gradient,) = torch.autograd.grad(value, z)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"placement": "between"}, "placement"),
        ({"normalization": "mean"}, "normalization"),
        ({"placement": "inside", "normalization": "weights"}, "normalization"),
    ],
)
def test_a_bad_setting_is_named(arguments: dict[str, object], named: str) -> None:
    """ValueError with the argument's name."""
    with pytest.raises(ValueError, match=named):
        SimilarityDissimilarityLoss(**arguments)


@pytest.mark.parametrize(
    ("z", "labels", "named"),
    [
        (torch.ones(3), torch.ones(3, 2), "embeddings"),
        (torch.ones(3, 2), torch.ones(2, 2), "labels"),
        (torch.ones(3, 2), -torch.ones(3, 2), "labels"),
        (torch.full((3, 2), math.nan), torch.ones(3, 2), "embeddings"),
    ],
)
def test_a_bad_tensor_is_named(z: Tensor, labels: Tensor, named: str) -> None:
    """Shapes, negative labels and NaN embeddings."""
    with pytest.raises(ValueError, match=named):
        SimilarityDissimilarityLoss()(z, labels)


def test_autocast_around_the_loss_changes_nothing() -> None:
    """bf16 counts whole numbers to 256 only: sizes of label sets beyond that stay exact."""
    z = F.normalize(torch.randn(3, 8), dim=1)
    labels = torch.zeros(3, 600)
    labels[0, :301] = labels[1, :300] = labels[2, 1:303] = 1
    loss = SimilarityDissimilarityLoss()
    plain = loss(z, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(z, labels), plain)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidates": torch.randn(4, 5)}, "candidates must have 8 columns"),
        ({"candidate_labels": torch.ones(4, 2)}, "candidate_labels must have 3 columns"),
        ({"self_index": torch.tensor([0, 4])}, "self_index must lie between -1 and 3"),
        ({"self_index": torch.tensor([0, -2])}, "self_index must lie"),
        ({"candidates": None, "candidate_labels": None}, "self_index points into candidates"),
    ],
)
def test_candidates_that_do_not_fit_are_named(changes: dict[str, Tensor | None], said: str) -> None:
    """ValueError with the argument's name, not an error from inside torch."""
    arguments: dict[str, Tensor | None] = {
        "candidates": torch.randn(4, 8),
        "candidate_labels": torch.ones(4, 3),
        "self_index": torch.tensor([0, -1]),
    }
    with pytest.raises(ValueError, match=said):
        SimilarityDissimilarityLoss()(torch.randn(2, 8), torch.ones(2, 3), **{**arguments, **changes})


def test_the_zero_of_a_batch_without_positives_is_finite_in_fp16() -> None:
    """A plain sum of a large half-precision batch would overflow, and infinity times zero is no number."""
    z = torch.full((256, 512), 0.9, dtype=torch.float16, requires_grad=True)
    value = SimilarityDissimilarityLoss()(z, torch.zeros(256, 3))
    value.backward()
    assert value.item() == 0
    assert z.grad is not None
    assert (z.grad == 0).all()
