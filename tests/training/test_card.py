"""The card says what was measured, and what is wrong with the labels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.dataset import load_dataset
from model.thresholds import ThresholdPolicy
from tests.factories import write_tiny_dataset
from training.card import model_card, policies_card, readme
from training.checkpoint import Progress
from training.loop import TrainingResult
from training.options import TrainingOptions
from training.ranking.threshold_policies import FittedPolicies

DEFECT = "procedure codes were read as numbers"


def card_of(data: Path) -> dict[str, Any]:
    progress = Progress(epoch=1, best_map=0.5, best_epoch=0, seconds=1.0, tokens=10)
    result = TrainingResult(progress, np.zeros((1, 1), dtype=np.float32))
    return model_card(load_dataset(data), "tiny", TrainingOptions(encoder="tiny"), result, 0.5, "dev", 10, 2)


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
