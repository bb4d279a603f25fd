"""The gradient of one optimiser step, over its batches and over all processes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.label_sets import LabelSets
from model.network.network import CodingNetwork
from training.optimise.contrastive import ContrastiveTerm, projection_gradient
from training.optimise.distributed import Processes
from training.optimise.failures import named_out_of_memory
from training.optimise.gradient_cache import draw_seeds, replayed_views, step_projections
from training.optimise.note_source import NoteSource
from training.optimise.shard import bce_sum, forward_views, load_shard
from training.options import TrainingOptions


@dataclass(frozen=True)
class StepSeen:
    """What a step computed, alike in all processes.

    Shape:
        bce (K,): each batch's share of the mean over the step's notes; contrastive (K,), with gradient caching (1,),
        without the term (0,): shares of its mean; projections (M, D) and labels of M rows: what the term was given.
    """

    bce: Tensor
    contrastive: Tensor
    projections: Tensor
    labels: LabelSets

    def suspects(self, batches: Sequence[list[int]]) -> list[int]:
        """Notes of the batches whose loss is not finite; all notes where no single batch is to blame."""
        good = torch.isfinite(self.bce)
        if len(self.contrastive) == len(good):
            good = good & torch.isfinite(self.contrastive)
        chosen = [batch for batch, fine in zip(batches, good.tolist(), strict=True) if not fine]
        return [index for batch in chosen or batches for index in batch]


@dataclass(frozen=True)
class StepGradient:
    """Adds the gradient of a step to the network's parameters; call it with the batches of the step.

    The loss is BCE, summed over labels and averaged over the notes of the step, plus lambda times the contrastive term:
    the sum over labels keeps the two in proportion whatever the number of labels, as a mean over 8,929 would drown in
    any contrastive term. Without gradient caching the term is computed once a batch and weighs with the batch's notes.

    Each process sends through its own notes alone, with the term's gradient with respect to the projections of all, so
    the sum over the processes is the gradient of the one loss.
    """

    network: CodingNetwork
    notes: NoteSource
    contrastive: ContrastiveTerm | None
    options: TrainingOptions
    processes: Processes

    def __call__(self, batches: Sequence[list[int]]) -> StepSeen:
        """Back-propagate the batches of one step.

        Raises:
            OutOfMemory: a batch does not fit.
        """
        if self.contrastive is not None and self.options.caches_gradients:
            return self._in_two_passes(self.contrastive, batches)
        total = sum(map(len, batches))
        bce: list[Tensor] = []
        values: list[Tensor] = []
        compared: list[tuple[Tensor, LabelSets]] = []
        for indices in batches:
            with named_out_of_memory(self.notes.sizes[indices], self.options):
                shard = load_shard(self.notes, indices, self.processes)
                logits, own = forward_views(self.network, shard, self.views)
                loss = bce_sum(logits, shard.labels) / total
                bce.append(loss.detach())
                if self.contrastive is not None:
                    everyone = self.processes.summed(self.processes.placed(own, shard.positions, len(indices)))
                    labels = self.notes.label_sets(indices).to(self.processes.device)
                    weight = len(indices) / total
                    factor = self.options.contrastive_weight * weight
                    value, gradient = projection_gradient(self.contrastive, everyone, labels, factor)
                    loss = loss + (own * gradient[:, shard.positions]).sum()
                    values.append(value * weight)
                    compared.append((everyone, labels))
                _backward(loss)
        return self._seen(bce, values, compared)

    @property
    def views(self) -> int:
        return 1 if self.contrastive is None else self.options.views

    def _in_two_passes(self, term: ContrastiveTerm, batches: Sequence[list[int]]) -> StepSeen:
        network, notes, options, processes = self.network, self.notes, self.options, self.processes
        seeds = draw_seeds(len(batches), self.views)
        everyone = step_projections(network, notes, batches, seeds, options, processes)  # (V, M, D)
        chosen = [index for indices in batches for index in indices]
        with named_out_of_memory(notes.sizes[chosen], options, contrastive=True):
            labels = notes.label_sets(chosen).to(processes.device)
            value, gradient = projection_gradient(term, everyone, labels, options.contrastive_weight)
        bce: list[Tensor] = []
        cached = torch.split(gradient, [len(indices) for indices in batches], dim=1)
        for indices, own_seeds, part in zip(batches, seeds, cached, strict=True):
            with named_out_of_memory(notes.sizes[indices], options):
                shard = load_shard(notes, indices, processes)
                logits, own = replayed_views(network, shard, own_seeds, processes.device)
                loss = bce_sum(logits, shard.labels) / len(chosen)
                bce.append(loss.detach())
                _backward(loss + (own * part[:, shard.positions]).sum())
        return self._seen(bce, [value], [(everyone, labels)])

    def _seen(self, bce: list[Tensor], values: list[Tensor], compared: list[tuple[Tensor, LabelSets]]) -> StepSeen:
        none, nothing = bce[0].new_zeros(0), LabelSets.from_distinct([], self.notes.num_labels)
        return StepSeen(
            self.processes.summed(torch.stack(bce)),
            torch.stack(values) if values else none,
            torch.cat([projections.flatten(0, 1) for projections, _ in compared]) if compared else none,
            LabelSets.joined([labels for _, labels in compared for _ in range(self.views)]) if compared else nothing,
        )


def _backward(loss: Tensor) -> None:
    if loss.requires_grad:  # a process without a note of the batch has nothing to send
        torch.autograd.backward(loss)
