"""Every member of the family with its slow twin, and the problems they are put to."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.losses import (
    AllLoss,
    AnyLoss,
    JaccardLoss,
    JSCLLoss,
    MulSupConLoss,
    MultiSupConLoss,
    SimilarityDissimilarityLoss,
)
from model.losses.ablations import VARIANTS, AblatedSDLoss
from model.losses.pair_loss import PairLoss
from tests.reference_losses import (
    WEIGHTS,
    Problem,
    inside_twin,
    jscl_twin,
    mulsupcon_twin,
    pooled_twin,
    weighted_twin,
)


@dataclass(frozen=True)
class Member:
    """How a loss is made for a temperature, and the loops that it must equal."""

    make: Callable[[float], PairLoss]
    twin: Callable[[Problem, float], float]


def weighted(make: Callable[[float], PairLoss], name: str, by_weights: bool = False) -> Member:
    return Member(make, lambda problem, tau: weighted_twin(problem, tau, WEIGHTS[name], by_weights))


def ablated(variant: str, normalization: str) -> Member:
    return weighted(lambda tau: AblatedSDLoss(variant, tau, normalization), variant, normalization == "weights")


MEMBERS: dict[str, Member] = {
    "all": weighted(AllLoss, "all"),
    "any": weighted(AnyLoss, "any"),
    "mulsupcon labels": Member(MulSupConLoss, lambda problem, tau: mulsupcon_twin(problem, tau, "labels")),
    "mulsupcon anchors": Member(
        lambda tau: MulSupConLoss(tau, "anchors"), lambda problem, tau: mulsupcon_twin(problem, tau, "anchors")
    ),
    "multisupcon": weighted(MultiSupConLoss, "multisupcon"),
    "jaccard": weighted(JaccardLoss, "jaccard", by_weights=True),
    "jscl": Member(JSCLLoss, jscl_twin),
    "sd outside": weighted(lambda tau: SimilarityDissimilarityLoss(tau, normalization="positives"), "sd"),
    "sd weights": weighted(
        lambda tau: SimilarityDissimilarityLoss(tau, normalization="weights"), "sd", by_weights=True
    ),
    "sd inside": Member(lambda tau: SimilarityDissimilarityLoss(tau, "inside"), inside_twin),
    "sd pooled": Member(lambda tau: SimilarityDissimilarityLoss(tau, "pooled"), pooled_twin),
    **{variant: ablated(variant, "positives") for variant in VARIANTS},
    **{f"{variant} by weights": ablated(variant, "weights") for variant in VARIANTS},
}
"""All but SupCon, which takes single labels only, and the shuffled ablation, which draws: their tests are apart."""


def draw(seed: int, notes: int = 9, codes: int = 6, size: int = 4) -> tuple[Tensor, Tensor]:
    """Unit rows (notes, size) in float64 and multi-hot labels, one row without any, two rows alike."""
    generator = torch.Generator().manual_seed(seed)
    z = F.normalize(torch.randn(notes, size, generator=generator, dtype=torch.float64), dim=1)
    labels = (torch.rand(notes, codes, generator=generator) < 0.4).long()
    labels[1], labels[2] = labels[0], 0
    return z, labels


def against_candidates(seed: int) -> Problem:
    """Five anchors, two of them (columns 7 and 3) among nine candidates, three of them not."""
    z, labels = draw(seed, notes=5)
    candidates, candidate_labels = draw(seed + 1000)
    place = [7, -1, -1, 3, -1]
    for row, column in enumerate(place):
        if column >= 0:
            candidates[column], candidate_labels[column] = z[row], labels[row]
    return Problem(z, labels, candidates, candidate_labels, place)


def value_of(loss: PairLoss, problem: Problem) -> Tensor:
    place = torch.tensor(problem.place)
    value: Tensor = loss(problem.z, problem.labels, problem.candidates, problem.candidate_labels, place)
    return value
