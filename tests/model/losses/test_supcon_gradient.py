"""SupCon takes one label a document, so its gradient is checked on single-label data."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from model.losses import SupConLoss


def test_the_gradient_of_supcon_is_that_of_finite_differences() -> None:
    """Within a batch, with an anchor that has no positive."""
    generator = torch.Generator().manual_seed(5)
    embeddings = torch.randn(7, 4, generator=generator, dtype=torch.float64).requires_grad_()
    labels = torch.eye(4, dtype=torch.int64)[torch.tensor([0, 0, 1, 1, 1, 2, 0])]

    def value(rows: Tensor) -> Tensor:
        loss: Tensor = SupConLoss(0.2)(normalize(rows, dim=1), labels)
        return loss

    assert value(embeddings).item() > 0
    assert torch.autograd.gradcheck(value, (embeddings,))
