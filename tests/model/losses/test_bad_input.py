"""Bad input: ValueError with the argument's name and its value, not an error from inside torch."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model.label_sets import LabelSets
from model.losses import AnyLoss, JSCLLoss, MulSupConLoss, MultiSupConLoss, SimilarityDissimilarityLoss, SupConLoss
from model.losses.ablations import AblatedSDLoss

LABELS = torch.tensor([[1, 0], [1, 1], [0, 1]])
UNIT = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


def changed(tensor: Tensor, value: float) -> Tensor:
    """The tensor with another value in row 1, column 0."""
    result = tensor.clone().float()
    result[1, 0] = value
    return result


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SimilarityDissimilarityLoss(0.0), "temperature must be a positive number, got 0.0"),
        (lambda: AnyLoss(-1.0), "temperature must be a positive number, got -1.0"),
        (lambda: JSCLLoss(math.inf), "temperature must be a positive number, got inf"),
        (lambda: AblatedSDLoss("similarity", math.nan), "temperature must be a positive number, got nan"),
        (lambda: SimilarityDissimilarityLoss(placement="between"), "placement must be .*, got 'between'"),
        (lambda: SimilarityDissimilarityLoss(normalization="mean"), "normalization must be .*, got 'mean'"),
        (
            lambda: SimilarityDissimilarityLoss(0.1, "inside", "weights"),
            "normalization 'weights' goes .*, got 'inside'",
        ),
        (
            lambda: SimilarityDissimilarityLoss(0.1, "pooled", "weights"),
            "normalization 'weights' goes .*, got 'pooled'",
        ),
        (lambda: MulSupConLoss(weighting="x"), "weighting must be .*, got 'x'"),
        (lambda: MultiSupConLoss(threshold=0.0), "threshold must lie above 0 .*, got 0.0"),
        (lambda: MultiSupConLoss(threshold=1.5), "threshold must lie above 0 .*, got 1.5"),
        (lambda: AblatedSDLoss("x"), "variant must be .*, got 'x'"),
        (lambda: LabelSets.from_rows([[7]], 5), "rows name the labels 7 to 7, num_labels is 5"),
        (lambda: LabelSets.from_rows([[-1, 3]], 5), "rows name the labels -1 to 3, num_labels is 5"),
        (lambda: SupConLoss()(UNIT, LABELS), "labels has a row with 2 labels"),
    ],
)
def test_a_bad_setting_is_named(make: Callable[[], object], said: str) -> None:
    """Temperature, placement, normalisation and the settings of single members."""
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embeddings": torch.ones(3)}, r"embeddings must be \(B, D\), got the shape \(3,\)"),
        ({"embeddings": changed(UNIT, math.nan)}, "embeddings must be finite, got nan in row 1, column 0"),
        ({"embeddings": changed(UNIT, -math.inf)}, "embeddings must be finite, got -inf in row 1, column 0"),
        ({"embeddings": UNIT.long()}, "embeddings must be floating point, got torch.int64"),
        ({"labels": LABELS[:2]}, r"labels must be multi-hot with 3 rows, got the shape \(2, 2\)"),
        ({"labels": LABELS[0]}, r"labels must be multi-hot with 3 rows, got the shape \(2,\)"),
        ({"labels": changed(LABELS, -1)}, "labels must be 0 or 1, got -1.0 in row 1, column 0"),
        ({"labels": changed(LABELS, 2)}, "labels must be 0 or 1, got 2.0 in row 1, column 0"),
        ({"labels": changed(LABELS, 0.5)}, "labels must be 0 or 1, got 0.5 in row 1, column 0"),
        ({"labels": changed(LABELS, math.nan)}, "labels must be 0 or 1, got nan in row 1, column 0"),
        ({"labels": LabelSets.from_rows([[1]], 2)}, "labels has 1 rows, expected 3"),
        ({"candidates": torch.ones(4, 5)}, "candidates must have 2 columns, got 5"),
        ({"candidates": torch.ones(4)}, r"candidates must be \(B, D\), got the shape \(4,\)"),
        ({"candidates": changed(torch.ones(4, 2), math.nan)}, "candidates must be finite, got nan in row 1, column 0"),
        ({"candidate_labels": torch.ones(4, 3)}, "candidate_labels must have 2 columns, got 3"),
        ({"candidate_labels": torch.ones(3, 2)}, "candidate_labels must be multi-hot with 4 rows"),
        ({"candidate_labels": changed(torch.ones(4, 2), -2)}, "candidate_labels must be 0 or 1, got -2.0 in row 1"),
        ({"candidate_labels": None}, "candidates and candidate_labels go together"),
        ({"self_index": torch.tensor([0, 1])}, r"self_index must have the shape \(3,\), got \(2,\)"),
        ({"self_index": torch.tensor([0, 4, 1])}, "self_index must lie between -1 and 3, got 0 to 4"),
        ({"self_index": torch.tensor([0, -2, 1])}, "self_index must lie between -1 and 3, got -2 to 1"),
        ({"self_index": torch.tensor([0.0, 1.0, 2.0])}, "self_index must be int64, got torch.float32"),
        ({"candidates": None, "candidate_labels": None}, "self_index points into candidates"),
    ],
)
def test_a_bad_tensor_is_named(changes: dict[str, Tensor | None], said: str) -> None:
    """Shapes, types, negative labels, NaN embeddings, indices out of range."""
    arguments: dict[str, Tensor | None] = {
        "embeddings": UNIT,
        "labels": LABELS,
        "candidates": torch.ones(4, 2),
        "candidate_labels": torch.ones(4, 2),
        "self_index": torch.tensor([0, -1, 3]),
    }
    with pytest.raises(ValueError, match=said):
        SimilarityDissimilarityLoss()(**{**arguments, **changes})
