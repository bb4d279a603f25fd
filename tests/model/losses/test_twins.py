"""Property 12: every member of the family equals its nested-loop float64 twin."""

import pytest
import torch
from torch.nn import functional as F

from model.label_sets import LabelSets
from model.losses import SupConLoss
from model.losses.ablations import AblatedSDLoss
from model.losses.pairs import make_pairs
from tests.model.losses.family import MEMBERS, against_candidates, draw, value_of
from tests.reference_losses import WEIGHTS, Problem, matrix_twin, weighted_twin, within_batch

TAU = 0.2


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("seed", range(5))
def test_a_batch_equals_its_twin(name: str, seed: int) -> None:
    """To 1e-10, at two temperatures."""
    z, labels = draw(seed)
    for tau in (0.07, 0.5):
        expected = MEMBERS[name].twin(within_batch(z, labels), tau)
        assert MEMBERS[name].make(tau)(z, labels).item() == pytest.approx(expected, abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("seed", range(3))
def test_anchors_against_candidates_equal_their_twin(name: str, seed: int) -> None:
    """Some anchors are candidates themselves, as self_index says, and some are not."""
    problem = against_candidates(seed)
    expected = MEMBERS[name].twin(problem, TAU)
    assert value_of(MEMBERS[name].make(TAU), problem).item() == pytest.approx(expected, abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_supcon_equals_its_twin_on_single_labels(seed: int) -> None:
    """Khosla et al. 2020, Eq. 2, within a batch and against candidates, a class of one sample among them."""
    z, _ = draw(seed)
    labels = F.one_hot(torch.tensor([0, 1, 0, 2, 1, 1, 0, 3, 2]), 4)
    candidates, _ = draw(seed + 50)
    for problem in (within_batch(z, labels), Problem(z, labels, candidates, labels.roll(1, 0), [-1] * 9)):
        expected = weighted_twin(problem, TAU, WEIGHTS["supcon"])
        assert value_of(SupConLoss(TAU), problem).item() == pytest.approx(expected, abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("normalization", ["positives", "weights"])
def test_the_shuffled_ablation_equals_the_twin_of_the_weights_that_it_deals(normalization: str) -> None:
    """The same seed deals the same weights, within a batch and against candidates."""
    z, labels = draw(4)
    for problem in (within_batch(z, labels), against_candidates(4)):
        pairs = make_pairs(
            LabelSets.from_multi_hot(problem.labels),
            LabelSets.from_multi_hot(problem.candidate_labels),
            torch.tensor(problem.place),
            torch.float64,
        )
        dealt = AblatedSDLoss("shuffled", TAU, normalization, seed=7).pair_weights(pairs)
        rows = [{p: weight for p, weight in enumerate(row) if weight > 0} for row in dealt.tolist()]
        value = value_of(AblatedSDLoss("shuffled", TAU, normalization, seed=7), problem).item()
        expected = matrix_twin(problem, TAU, rows, normalization == "weights")
        assert value == pytest.approx(expected, abs=1e-10, rel=1e-10)
