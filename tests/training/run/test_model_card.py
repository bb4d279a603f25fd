"""The card says what was measured, and what is wrong with the labels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.dataset import load_dataset
from model.ranking.thresholds import ThresholdPolicy
from tests.factories import tiny_network, write_tiny_dataset
from training.optimise.checkpoint import Progress
from training.optimise.loop import TrainingResult
from training.options import TrainingOptions
from training.ranking.threshold_policies import FittedPolicies
from training.run.model_card import model_card, policies_card, readme
from training.run.protocol import ProtocolResult
from training.run.trained import Trained

DEFECT = "procedure codes were read as numbers"


def card_of(data: Path, chosen: bool = True) -> dict[str, Any]:
    progress = Progress(epoch=1, best_map=0.5, best_epoch=0, seconds=1.0, tokens=10)
    result = TrainingResult(progress, np.zeros((1, 1), dtype=np.float32))
    dataset = load_dataset(data)
    trained = Trained(
        network=tiny_network(),
        outcome=ProtocolResult(result),
        learned_from=dataset.documents("train"),
        held=dataset.documents("dev"),
        scores=result.dev_scores,
        rows=[],
        extra=np.zeros(0),
        validation_map=0.5,
        chosen_by_validation=chosen,
        tuned_on="dev",
        parts=[],
    )
    return model_card(dataset, "tiny", TrainingOptions(encoder="tiny"), trained, 0.5)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_tiny_dataset(tmp_path / "data")
    return tmp_path / "data"


def test_a_damaged_label_space_is_on_the_card(data: Path) -> None:
    """The manifest's flag travels to card.json and to the README."""
    manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    (data / "manifest.json").write_text(json.dumps({**manifest, "label_space_defect": DEFECT}), encoding="utf-8")
    card = card_of(data)
    assert card["label_space_defect"] == DEFECT
    assert DEFECT in readme(card)


def test_a_whole_label_space_has_no_flag(data: Path) -> None:
    """No key, no warning."""
    card = card_of(data)
    assert "label_space_defect" not in card
    assert "comparison with papers" not in readme(card)


def test_the_card_states_what_each_threshold_policy_is_expected_to_give(data: Path) -> None:
    """Precision and recall, what could not be measured, and what is out of reach."""
    policies = (
        ThresholdPolicy("global", 0.4, None, 0.61234, 0.5),
        ThresholdPolicy("per-code", 0.4, np.array([0.1]), None, 0.0),
    )
    found = policies_card(FittedPolicies(policies, {"precision-0.95": "no threshold reaches it"}))
    assert found["global"] == {"precision": 0.6123, "recall": 0.5}
    text = readme(card_of(data) | {"thresholds": found})
    assert "global: precision 0.612, recall 0.500." in text
    assert "per-code: not measured" in text
    assert "precision-0.95: out of reach" in text


def test_the_readme_says_whether_validation_chose_the_epoch(data: Path) -> None:
    """A measure that chose something flatters; one that is out of fold does not."""
    assert "flatters" in readme(card_of(data))
    by_folds = readme(card_of(data, chosen=False))
    assert "flatters" not in by_folds
    assert "out of fold" in by_folds


def test_the_readme_names_the_ranker_and_what_it_came_to(data: Path) -> None:
    """MAP and calibration error with their intervals, or why there is none."""
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    fusion = {"map": interval, "ece_top_20": {"calibrated": interval}}
    ranker = {"codes": 12, "without_neighbours": fusion, "with_neighbours": fusion}
    assert "Ranker over 12 codes" in readme(card_of(data) | {"ranker": ranker})
    assert "No ranker: too few notes" in readme(card_of(data) | {"ranker": {"out_of_reach": "too few notes"}})
