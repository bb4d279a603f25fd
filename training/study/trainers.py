"""The two networks that a study can train: what they read, what their cells share, and how one is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from model.network.encoder_source import open_encoder
from training.study.cell import Setting
from training.study.fine_tuning import WINDOW, FineTuning
from training.study.inputs import StudyData, load_study_data, load_study_notes
from training.study.recipe import Recipe
from training.study.run_study import Train
from training.study.train_cell import train_cell
from training.study.train_free_layers import FreeLayersTrainer

RUNNING = "running"
"""Folder of the study for the checkpoints of a running cell."""


@dataclass(frozen=True)
class Trainer:
    """``recipe`` is what all cells share beside the data."""

    data: StudyData
    recipe: dict[str, Any]
    train: Train


def frozen_features_trainer(path: Path, recipe: Recipe, cache: Path) -> Trainer:
    """A small network over frozen features; errors as :func:`training.study.inputs.load_study_data`."""
    data = load_study_data(path, recipe.encoder, recipe.max_tokens, cache)
    return Trainer(data, recipe.as_dict(), partial(train_cell, data=data, recipe=recipe))


def free_layers_trainer(path: Path, recipe: FineTuning, settings: Sequence[Setting], cache: Path, out: Path) -> Trainer:
    """The coder of ``train`` with free layers; errors as :func:`training.study.inputs.load_study_notes`.

    Raises:
        InvalidOption: one of the settings cannot be trained so.
    """
    layers = open_encoder(recipe.encoder).backbone.config.num_hidden_layers
    for setting in settings:
        recipe.options(setting, 1, layers)
    data = load_study_notes(path, recipe.encoder, WINDOW, recipe.max_tokens)
    return Trainer(data, recipe.as_dict(), FreeLayersTrainer(data, recipe, cache, out / RUNNING))
