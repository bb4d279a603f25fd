"""Property 11: finite in every precision down to tau = 0.01, and computed in float32 whatever comes in."""

import pytest
import torch
from torch.nn import functional as F

from model.losses import SimilarityDissimilarityLoss, SupConLoss
from tests.model.losses.family import MEMBERS, draw

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("tau", [0.07, 0.01])
@pytest.mark.parametrize("name", [*MEMBERS, "supcon"])
def test_finite_with_antipodal_pairs(name: str, tau: float, dtype: torch.dtype) -> None:
    """Scores of +-100 overflow exp in 16 bits; log-sum-exp in float32 does not."""
    row = F.normalize(torch.ones(1, 4), dim=1)
    z = torch.cat([row, -row, row, -row]).to(dtype).requires_grad_(True)
    labels = torch.tensor([[1, 0], [1, 1], [0, 1], [1, 0]])
    loss = SupConLoss(tau) if name == "supcon" else MEMBERS[name].make(tau)
    value = loss(z, torch.tensor([[1, 0], [1, 0], [0, 1], [1, 0]]) if name == "supcon" else labels)
    (gradient,) = torch.autograd.grad(value, z)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_sixteen_bit_inputs_are_computed_in_float32(name: str, dtype: torch.dtype) -> None:
    """The value is that of the rounded embeddings in float32, for anchors and candidates."""
    loss = MEMBERS[name].make(0.07)
    z, labels = draw(9)
    rounded = z.to(dtype)
    assert torch.equal(loss(rounded, labels), loss(rounded.float(), labels))
    assert torch.equal(
        loss(rounded, labels, rounded.flip(0), labels), loss(rounded.float(), labels, rounded.flip(0).float(), labels)
    )


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("tau", [0.07, 0.01])
def test_float32_agrees_with_float64(name: str, tau: float) -> None:
    """To 1e-5 of the value."""
    z, labels = draw(10)
    loss = MEMBERS[name].make(tau)
    single = z.float()
    torch.testing.assert_close(loss(single, labels).double(), loss(single.double(), labels), rtol=1e-5, atol=1e-5)


def test_autocast_around_the_loss_changes_nothing() -> None:
    """bf16 counts whole numbers to 256 only: sizes of label sets beyond that stay exact."""
    z = F.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.zeros(3, 600)
    labels[0, :301] = labels[1, :300] = labels[2, 1:303] = 1
    loss = SimilarityDissimilarityLoss()
    plain = loss(z, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(z, labels), plain)
