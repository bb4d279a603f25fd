"""Several processes, one training run: what torchrun starts, and the sums that make them one.

The processes share out every batch and add up their gradients once an optimiser step (docs/decisions/0009). Only
the first one writes.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
PATIENCE = timedelta(days=1)
"""Longest wait for another process: the first computes frozen states for hours; torchrun ends all when one dies."""
BUCKET = 1 << 24
"""Gradient elements that travel together, 64 MiB in float32: large enough to fill the wire, small beside the
network; untuned."""
OWN_STREAM = 1_000_003
"""Keeps the seeds of the processes apart; any number that is larger than a seed in use."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them. What moves data is called by all, in the same order."""

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def placed(self, own: Tensor, positions: Tensor, rows: int) -> Tensor:
        """This process's rows (V, b, D) at ``positions`` (b,) of (V, rows, D), zero elsewhere, without a graph.

        The sum over the processes holds the rows of all, exactly, and in the order that one process has them.
        """
        if self.count == 1:
            return own.detach()
        placed = own.new_zeros(len(own), rows, own.shape[2])
        placed[:, positions] = own.detach()
        return placed

    def stacked(self, row: Tensor) -> Tensor:
        """One row (n,) of every process, (count, n)."""
        rows = row.new_zeros(self.count, len(row))
        rows[self.rank] = row
        return self.summed(rows)

    def any(self, *flags: bool) -> list[bool]:
        """Each flag, if it is set in any process."""
        if self.count == 1:
            return list(flags)
        return [value > 0 for value in self.summed(torch.tensor(flags, dtype=torch.int32, device=self.device)).tolist()]

    def from_first(self, value: float) -> float:
        """The first process's value, so that all decide alike."""
        return float(self.summed(torch.tensor(value if self.first else 0.0, dtype=torch.float64, device=self.device)))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes; one that no process has stays absent."""
        if self.count == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        held = torch.tensor([parameter.grad is not None for parameter in trained], dtype=torch.int32)
        anywhere = self.summed(held.to(self.device)).tolist()
        chosen = [parameter for parameter, number in zip(trained, anywhere, strict=True) if number]
        for parameter in chosen:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([parameter.grad for parameter in chosen if parameter.grad is not None]):
            flat = self.summed(torch.cat([gradient.reshape(-1) for gradient in bucket]))
            parts = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def share_weights(self, network: nn.Module) -> None:
        """Give every process the weights of the first."""
        if self.count > 1:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def in_turn(self, make: Callable[[], T]) -> T:
        """The first process makes it and leaves it on disk; the others wait, and find it there."""
        if self.count == 1:
            return make()
        if self.first:
            made = make()
            self.any(False)
            return made
        self.any(False)
        return make()

    def close(self) -> None:
        """Leave the group."""
        if self.count > 1:
            dist.destroy_process_group()


ALONE = Processes()


def join_processes(device: str) -> Processes:
    """The processes that torchrun started, each on a GPU of its own with ``device`` cuda; without it, one alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Processes(device=device)
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    return Processes(dist.get_rank(), dist.get_world_size(), device)


def seed_process(seed: int, processes: Processes) -> None:
    """Give each of several processes a dropout of its own; one alone goes on with what it has."""
    if processes.count > 1:
        torch.manual_seed(seed + OWN_STREAM * (processes.rank + 1))


def random_states(processes: Processes) -> dict[str, Tensor]:
    """torch's random states of all processes, (processes, bytes) uint8; called by all.

    A resumed run draws the same dropout. There is no other state: the order of the notes follows from seed and epoch.
    """
    states = {"cpu": processes.stacked(torch.get_rng_state().to(processes.device)).cpu()}
    if processes.device.startswith("cuda"):
        state = torch.cuda.get_rng_state(processes.device)
        states["cuda"] = processes.stacked(state.to(processes.device)).cpu()
    return states


def restore_random_states(states: dict[str, Tensor], processes: Processes) -> bool:
    """Bring this process's state back; False, with nothing changed, where they are those of another number of them."""
    if len(states["cpu"]) != processes.count:
        return False
    torch.set_rng_state(states["cpu"][processes.rank].clone())  # torch crashes on a row in the middle of a matrix
    if "cuda" in states and processes.device.startswith("cuda"):
        torch.cuda.set_rng_state(states["cuda"][processes.rank].clone(), processes.device)
    return True


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    elements = 0
    for gradient in gradients:
        if bucket and (elements + gradient.numel() > BUCKET or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, elements = [], 0
        bucket.append(gradient)
        elements += gradient.numel()
    if bucket:
        yield bucket
