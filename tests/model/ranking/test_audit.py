"""The audit of assigned codes: supported, unsupported, probably missing, each with a reason."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import NoConformalSet
from model.icd import Code
from model.prediction import Evidence
from model.ranking.audit import NO_CHANNEL, audit_note
from model.ranking.calibration import Uncalibrated
from model.ranking.combiner import LogisticCombiner
from model.ranking.conformal import ConformalSet
from model.ranking.fusion import Fusion
from model.ranking.ranker import Ranking
from model.ranking.thresholds import ThresholdPolicy
from tests.tiny_ranker import CODES

POLICIES = (ThresholdPolicy("global", 0.3), ThresholdPolicy("precision-0.95", 0.8, None, 0.93, 0.2))
FUSION = Fusion(
    (),
    LogisticCombiner(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(1)),
    Uncalibrated(),
    POLICIES,
    (ConformalSet(0.2, 0.5, 100), ConformalSet(0.1, 0.25, 100)),
)
SCORES = np.array([0.95, 0.85, 0.5, 0.2])
RANKING = Ranking(
    columns=np.array([7, 3, 1, 5]),
    probabilities=SCORES,
    scores=SCORES,
    channels=("classifier", "words"),
    proposed_by=np.array([[True, True], [False, True], [True, False], [True, False]]),
    fusion=FUSION,
    used_neighbours=False,
)


def test_codes_are_sorted_into_three_lists_with_reasons() -> None:
    """The strictest conformal set parts supported from unsupported; the precision policy finds the missing."""
    assigned = [CODES[column].key for column in (3, 5, 20)]
    span = Evidence(0, 4, "cough", 0.5)
    found = audit_note(RANKING, assigned, CODES, {7: (span,)})
    assert [each.code for each in found.supported] == [CODES[3].key]
    assert [each.code for each in found.unsupported] == [CODES[5].key, CODES[20].key]
    assert [each.code for each in found.missing] == [CODES[7].key]
    (supported,), (outside, silent), (missing,) = found.supported, found.unsupported, found.missing
    assert (supported.rank, supported.channels, supported.probability) == (2, ("words",), 0.85)
    assert supported.reason == "rank 2, proposed by words, inside the set that holds 90% of the codes"
    assert "outside the set" in outside.reason
    assert (silent.reason, silent.rank, silent.probability) == (NO_CHANNEL, None, 0.0)
    assert missing.evidence == (span,)
    assert missing.reason == "rank 1, proposed by classifier, words, above the threshold 0.80 of precision-0.95"
    assert (found.false_negative_rate, found.missing_precision) == (0.1, 0.93)


def test_codes_that_the_code_set_lacks_are_not_judged() -> None:
    """Neither supported nor not."""
    strange = Code("icd9cm", "401.9")
    found = audit_note(RANKING, [strange], CODES)
    assert found.not_judged == (strange,)
    assert found.unsupported == found.supported == ()


def test_without_a_policy_for_the_precision_nothing_is_called_missing() -> None:
    """Validation did not allow it; the audit says that no precision is expected."""
    found = audit_note(RANKING, [], CODES, precision=0.99)
    assert found.missing == ()
    assert found.missing_precision is None


def test_a_ranker_without_a_conformal_set_cannot_audit() -> None:
    """With the step that mends it."""
    bare = replace(RANKING, fusion=replace(FUSION, conformal=()))
    with pytest.raises(NoConformalSet, match="train with more"):
        audit_note(bare, [], CODES)
