"""Where the random numbers of all processes stand, so that a resumed run draws the same dropout.

torch's states are all there is: the order of the notes comes from (seed, epoch), and numpy's global state is not used.
"""

import torch
from torch import Tensor

from training.optimise.distributed import Processes

OWN_STREAM = 1_000_003
"""Keeps the seeds of the processes apart; any number that is larger than a seed in use."""


def seed_process(seed: int, processes: Processes) -> None:
    """Give each of several processes a dropout of its own; one alone goes on with what it has."""
    if processes.count > 1:
        torch.manual_seed(seed + OWN_STREAM * (processes.rank + 1))


def random_states(processes: Processes) -> dict[str, Tensor]:
    """The states of all processes, (processes, bytes) uint8; called by all."""
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
