"""Contrastive batches that are far larger than what fits: gradient caching (Gao et al. 2021, RepL4NLP, Sec. 3.2).

Pass one computes the projections of all notes of a step without a graph, batch by batch; the term's gradient with
respect to them is cached; pass two runs each batch again with a graph and back-propagates it. Activations are those of
one batch, whatever the number of notes. The gradient is that of one pass: the dropout of each batch and view is drawn
from a seed of its own and drawn again in pass two.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from model.network.network import CodingNetwork
from training.optimise.distributed import Processes
from training.optimise.failures import named_out_of_memory
from training.optimise.note_source import NoteSource
from training.optimise.shard import Shard, forward_views, load_shard
from training.options import TrainingOptions


def draw_seeds(batches: int, views: int) -> list[list[int]]:
    """Dropout seeds of a step, one a batch and view, from torch's random state."""
    seeds: list[list[int]] = torch.randint(2**62, (batches, views)).tolist()
    return seeds


@contextmanager
def dropout_from(seed: int, device: str) -> Iterator[None]:
    """Draw from ``seed`` within, and go on outside as if nothing had been drawn."""
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def step_projections(
    network: CodingNetwork,
    notes: NoteSource,
    batches: Sequence[list[int]],
    seeds: Sequence[list[int]],
    options: TrainingOptions,
    processes: Processes,
) -> Tensor:
    """Pass one: projections (V, M, D) of the notes of all batches and all processes, without a graph."""
    parts = []
    for indices, own_seeds in zip(batches, seeds, strict=True):
        with named_out_of_memory(notes.sizes[indices], options), torch.no_grad():
            shard = load_shard(notes, indices, processes)
            projections = torch.stack([_view(network, shard, seed, processes.device) for seed in own_seeds])
            parts.append(processes.placed(projections, shard.positions, len(indices)))
    return processes.summed(torch.cat(parts, dim=1))


def replayed_views(network: CodingNetwork, shard: Shard, seeds: Sequence[int], device: str) -> tuple[Tensor, Tensor]:
    """Pass two: what :func:`forward_views` gives, with the dropout of pass one."""
    with dropout_from(seeds[0], device):
        logits, first = forward_views(network, shard, 1)
    others = [_view(network, shard, seed, device) for seed in seeds[1:]]
    return logits, torch.stack([first[0], *others])


def _view(network: CodingNetwork, shard: Shard, seed: int, device: str) -> Tensor:
    """Projections (b, D) of one view, without label attention, which draws after them."""
    if shard.batch is None:
        return forward_views(network, shard, 1)[1][0]
    with dropout_from(seed, device):
        return network.projections(shard.batch)
