"""One process's part of a batch, and its forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.label_sets import LabelSets
from model.network.batch import NoteBatch
from model.network.network import CodingNetwork
from training.optimise.batching import share
from training.optimise.distributed import Processes
from training.optimise.note_source import NoteSource


@dataclass(frozen=True)
class Shard:
    """The notes of a batch that this process takes; none where the batch has fewer notes than there are processes.

    Shape:
        positions (b,) int64 in the whole batch; labels: of b notes; batch: None where b is 0.
    """

    batch: NoteBatch | None
    labels: LabelSets
    positions: Tensor


def load_shard(notes: NoteSource, indices: Sequence[int], processes: Processes) -> Shard:
    """This process's part of the notes at ``indices``, on its device."""
    positions = share(notes.sizes[indices], processes.rank, processes.count)
    own = [indices[position] for position in positions]
    batch = notes.batch(own).to(processes.device) if own else None
    labels = notes.label_sets(own).to(processes.device)
    return Shard(batch, labels, torch.from_numpy(positions).to(processes.device))


def forward_views(network: CodingNetwork, shard: Shard, views: int) -> tuple[Tensor, Tensor]:
    """Logits (b, L) of the first view and projections (V, b, D) of all, each view with a dropout of its own."""
    if shard.batch is None:
        return _nothing(network, views)
    output = network(shard.batch)
    others = [network.projections(shard.batch) for _ in range(views - 1)]
    return output.logits, torch.stack([output.projections, *others])


def _nothing(network: CodingNetwork, views: int) -> tuple[Tensor, Tensor]:
    like = network.label_attention.bias.detach()
    return like.new_zeros(0, len(like)), like.new_zeros(views, 0, network.projection_head.outer.out_features)


def bce_sum(logits: Tensor, labels: LabelSets) -> Tensor:
    """Binary cross-entropy summed over notes and labels, at least in float32: logits (b, L)."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.binary_cross_entropy_with_logits(logits, labels.to_multi_hot().to(logits.dtype), reduction="sum")
