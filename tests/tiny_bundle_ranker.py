"""A ranker for the tiny bundle that believes titles and phrases more than the random classifier."""

import numpy as np

from model.ranking.calibration import Uncalibrated
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.combiner import LogisticCombiner
from model.ranking.conformal import ConformalSet
from model.ranking.fusion import Fusion
from model.ranking.ranker import Ranker
from model.ranking.thresholds import ThresholdPolicy
from model.text.read_note import ReadNote
from tests.factories import LABELS
from tests.tiny_lexical import tiny_lexical

PNEUMONIA = 3
"""Its column; a phrase of the lexicon says it."""
POLICIES = (ThresholdPolicy("global", 0.6), ThresholdPolicy("precision-0.95", 0.9))


def tiny_bundle_ranker(
    conformal: tuple[ConformalSet, ...] = (ConformalSet(0.1, 0.5, 50),),
    policies: tuple[ThresholdPolicy, ...] = POLICIES,
) -> Ranker:
    """A code that the words propose scores 0.99, any other 0.01."""
    candidate_builder = CandidateBuilder(LABELS, 100, tiny_lexical(LABELS, LABELS, PNEUMONIA))
    names = candidate_builder.candidates(ReadNote(""), np.full(len(LABELS), 0.5), None).names
    line = np.array([10.0 if name in ("spoke.titles", "spoke.lexicon") else 0.0 for name in names])
    size = len(names)
    combiner = LogisticCombiner(np.zeros(size), np.ones(size), line, np.full(1, -5.0))
    return Ranker(candidate_builder, Fusion(names, combiner, Uncalibrated(), policies, conformal))
