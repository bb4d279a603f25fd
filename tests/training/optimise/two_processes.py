"""What the test of several processes runs in each: ``torchrun -m tests.training.optimise.two_processes OUT``.

Also imported by the test itself, which does the same in one process.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.training.tiny_notes import tiny_source, tiny_training_network
from training.optimise import loop
from training.optimise.batching import epoch_steps
from training.optimise.contrastive import contrastive_term
from training.optimise.distributed import ALONE, Processes, join_processes
from training.optimise.step import StepGradient
from training.options import TrainingOptions

TRAIN, DEV = tiny_source(21), tiny_source(7, repeat=(2, 1))
CASES = {
    "sd": TrainingOptions("tiny", batch_size=8),
    "bce": TrainingOptions("tiny", batch_size=8, loss="bce"),
    "accumulated": TrainingOptions("tiny", batch_size=5, accumulate=5),
    "cached": TrainingOptions("tiny", batch_size=5, contrastive_batch=21, views=2),
    "tokens": TrainingOptions("tiny", tokens_per_batch=900, contrastive_batch=21),
    "a note for one process": TrainingOptions("tiny", batch_size=1, accumulate=21),
}
DTYPES = {"float64": torch.float64, "float32": torch.float32}
RUN = TrainingOptions("tiny", batch_size=3, epochs=2, contrastive_batch=6)


def step_gradients(name: str, dtype: torch.dtype, processes: Processes) -> dict[str, Tensor]:
    """Gradients of the first step of an epoch, without dropout: its masks are drawn by each process for its notes."""
    options = CASES[name]
    network = tiny_training_network(dtype, dropout=0.0)
    batches = epoch_steps(TRAIN.sizes, options, 0)[0]
    StepGradient(network, TRAIN, contrastive_term(options), options, processes)(batches)
    processes.sum_gradients(network.parameters())
    return {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None}


def mean_score(scores: np.ndarray) -> float:
    return float(scores.mean())


def run(folder: Path, dropout: float, processes: Processes, resume: bool = False) -> dict[str, Tensor]:
    """Weights after two epochs in float64, and the validation scores."""
    folder.mkdir(exist_ok=True)
    network = tiny_training_network(torch.float64, dropout, seed=processes.rank)  # the first one's weights count
    arguments = (network, TRAIN, DEV, RUN, folder, {}, mean_score)
    result = loop.fit(*arguments, resume=resume, checkpoint_minutes=0, processes=processes)
    return {**network.state_dict(), "scores": torch.from_numpy(result.dev_scores)}


def interrupted(folder: Path, processes: Processes) -> dict[str, Tensor]:
    """The same with dropout, broken off in the sixth step of eight and resumed."""
    write, lines = loop.RunLog.write, 0

    def stops(log: loop.RunLog, event: str, step: int, **figures: float) -> None:
        nonlocal lines
        write(log, event, step, **figures)
        lines += 1
        if lines == 7:  # four steps, an epoch, and two steps, the last of them without its checkpoint
            raise KeyboardInterrupt

    loop.RunLog.write = stops
    try:
        run(folder, 0.1, processes)
    except KeyboardInterrupt:
        loop.RunLog.write = write
        torch.manual_seed(99)
        return run(folder, 0.1, processes, resume=True)
    raise AssertionError("the run was not broken off")


def results(out: Path, processes: Processes) -> dict[str, Callable[[], dict[str, Tensor]]]:
    """Everything that is compared, by name."""
    found: dict[str, Callable[[], dict[str, Tensor]]] = {}
    for name in CASES:
        for kind, dtype in DTYPES.items():
            found[f"{name} {kind}"] = lambda name=name, dtype=dtype: step_gradients(name, dtype, processes)
    found["run"] = lambda: run(out / "run.run", 0.0, processes)
    return found


def main(out: Path) -> None:
    processes = join_processes("cpu")
    makers = results(out, processes)
    makers["whole"] = lambda: run(out / "whole.run", 0.1, processes)
    makers["resumed"] = lambda: interrupted(out / "resumed.run", processes)
    for name, make in makers.items():
        save_file({key: value.contiguous() for key, value in make().items()}, out / f"{name} {processes.rank}")
    processes.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

__all__ = ["ALONE", "CASES", "DTYPES", "results"]
