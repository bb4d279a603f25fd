"""One cell of the grid, from random weights to scores and embeddings."""

import time
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.label_sets import LabelSets
from training.evaluation.gold import Gold
from training.evaluation.ranking_metrics import mean_average_precision
from training.optimise.failures import TrainingDiverged
from training.optimise.matched_scale import matching_factor
from training.optimise.optimizer import linear_schedule
from training.study.cell import Cell
from training.study.inputs import Part, StudyData
from training.study.network import StudyNetwork, StudyOutput
from training.study.peak_memory import PeakMemory
from training.study.recipe import Recipe
from training.study.study_losses import BCE, study_loss
from training.study.trained import Trained

ROWS_AT_ONCE = 2048
MEASURED_STEP = 1
"""The step whose memory is counted; the first one also makes the optimiser's state."""


class _Term:
    """lambda * factor * contrastive loss, the factor fixed at the first batch that has one."""

    def __init__(self, cell: Cell) -> None:
        setting = cell.setting
        self.loss = study_loss(setting.loss, setting.temperature, cell.seed)
        self.factor: float | None = 1.0 if setting.scale == "plain" else None
        self._weight, self._temperature = setting.weight, setting.temperature

    def __call__(self, projections: Tensor, labels: LabelSets) -> Tensor:
        if self.factor is None:
            self.factor = matching_factor(self.loss, self._temperature, projections, labels)
        value: Tensor = self.loss(projections, labels)
        return self._weight * (1.0 if self.factor is None else self.factor) * value


def train_cell(cell: Cell, data: StudyData, recipe: Recipe) -> Trained:
    """Train on ``data.train`` for the recipe's steps; keep the weights with the best MAP on ``data.tuning``.

    The same cell gives the same numbers on the same machine with one thread; torch's own generator is restored.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed)
        return _trained(cell, data, recipe)


def _trained(cell: Cell, data: StudyData, recipe: Recipe) -> Trained:
    inputs, labels = data.train.features.shape[1], len(data.labels)
    network = StudyNetwork(inputs, labels, recipe.hidden, recipe.projection, recipe.dropout, data.image_shape)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    term = None if cell.setting.loss == BCE else _Term(cell)
    features = torch.from_numpy(np.ascontiguousarray(data.train.features))
    batches = _batches(len(data.train), recipe.batch_size, cell.seed)
    warmup = max(1, round(recipe.warmup * recipe.steps))
    best, watched, seconds = _Best(recipe), PeakMemory(), []
    bce, terms = [], []
    for step in range(recipe.steps):
        indices = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * linear_schedule(step, warmup, recipe.steps)
        started = time.perf_counter()
        with watched if step == MEASURED_STEP else nullcontext():
            *parts, loss = _loss(network(features[indices]), data.train.labels_of(indices, labels), term)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        seconds.append(time.perf_counter() - started)
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss.item()} at step {step} of {cell.key}: lower --learning-rate or --lambdas"
            )
        bce.append(parts[0].item())
        terms.append(parts[1].item())
        best.after(step + 1, network, data.tuning)
    network.load_state_dict(best.weights)
    judged_scores, judged_embeddings = predict(network, data.judged)
    last = -(-recipe.steps // recipe.validations)
    return Trained(
        tuning_scores=predict(network, data.tuning)[0],
        judged_scores=judged_scores,
        judged_embeddings=judged_embeddings,
        train_embeddings=predict(network, data.train)[1],
        best_step=best.step,
        tuning_map=best.map,
        factor=None if term is None else term.factor,
        seconds_a_step=float(np.median(seconds)),
        peak_bytes=watched.peak,
        bce=float(np.mean(bce[-last:])),
        term=None if term is None else float(np.mean(terms[-last:])),
    )


class _Best:
    """The weights with the best MAP on the tuning part, which is measured a few times in a run."""

    def __init__(self, recipe: Recipe) -> None:
        self._places = {-(-recipe.steps * (index + 1) // recipe.validations) for index in range(recipe.validations)}
        self.map, self.step = -1.0, 0
        self.weights: dict[str, Tensor] = {}

    def after(self, step: int, network: nn.Module, tuning: Part) -> None:
        if step not in self._places:
            return
        scores = predict(network, tuning)[0]
        found = mean_average_precision(scores, Gold.from_rows(tuning.rows, scores.shape[1]))
        if found > self.map:
            self.map, self.step = found, step
            self.weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _loss(output: StudyOutput, labels: LabelSets, term: _Term | None) -> tuple[Tensor, Tensor, Tensor]:
    """BCE (sum over labels, mean over documents, as in ``training.optimise.loop``), contrastive term, and their sum."""
    bce = F.binary_cross_entropy_with_logits(output.logits, labels.to_multi_hot(), reduction="sum") / len(labels)
    if term is None:
        return bce, bce.new_zeros(()), bce
    value = term(output.projections, labels)
    return bce, value, bce + value


def _batches(number: int, size: int, seed: int) -> Iterator[Tensor]:
    """Batches of shuffled epochs without end; a rest smaller than half a batch is left out."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(number, generator=generator)
        for batch in torch.split(order, size):
            if 2 * len(batch) >= size or number < size:
                yield batch


@torch.inference_mode()
def predict(network: nn.Module, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, L) and embeddings (n, H) of a part, without dropout."""
    network.eval()
    scores, embeddings = [], []
    for start in range(0, len(part), ROWS_AT_ONCE):
        output = network(torch.from_numpy(part.features[start : start + ROWS_AT_ONCE]))
        scores.append(torch.sigmoid(output.logits).numpy())
        embeddings.append(output.embeddings.numpy())
    network.train()
    return np.concatenate(scores), np.concatenate(embeddings)
