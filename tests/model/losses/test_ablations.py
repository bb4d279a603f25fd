"""The shuffled ablation: the weights of an anchor, dealt out anew among its positives."""

import torch

from model.label_sets import LabelSets
from model.losses import SimilarityDissimilarityLoss
from model.losses.ablations import AblatedSDLoss
from model.losses.pairs import make_pairs
from tests.model.losses.family import draw


def test_shuffling_keeps_positives_and_row_sums() -> None:
    """The same weights on the same positives, in another order, and in yet another at the next call."""
    _, labels = draw(11, notes=12)
    sets = LabelSets.from_multi_hot(labels)
    pairs = make_pairs(sets, sets, torch.arange(12), torch.float64)
    plain = SimilarityDissimilarityLoss().pair_weights(pairs)
    loss = AblatedSDLoss("shuffled", seed=1)
    dealt, again = loss.pair_weights(pairs), loss.pair_weights(pairs)
    assert ((plain > 0) == (dealt > 0)).all()
    torch.testing.assert_close(plain.sort(dim=1).values, dealt.sort(dim=1).values, rtol=0, atol=0)
    assert not torch.equal(plain, dealt)
    assert not torch.equal(dealt, again)


def test_the_product_of_the_two_factors_alone_is_the_weight() -> None:
    """K^s only times K^d only is K, on every overlapping pair."""
    _, labels = draw(12)
    sets = LabelSets.from_multi_hot(labels)
    pairs = make_pairs(sets, sets, torch.arange(9), torch.float64)
    similarity, dissimilarity, whole = (
        loss.pair_weights(pairs)
        for loss in (AblatedSDLoss("similarity"), AblatedSDLoss("dissimilarity"), SimilarityDissimilarityLoss())
    )
    torch.testing.assert_close(similarity * dissimilarity, whole, rtol=1e-15, atol=0)
