"""AdamW with its groups of parameters, and the schedule of its learning rate."""

import torch
from torch import Tensor

from model.network.network import CodingNetwork
from training.options import TrainingOptions


def make_optimizer(network: CodingNetwork, options: TrainingOptions) -> torch.optim.Optimizer:
    """AdamW with one peak rate for the encoder and one for what starts from nothing; no decay on vectors."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = options.learning_rate if name.startswith("encoder.") else options.head_learning_rate
            decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": rate, "peak_lr": rate, "weight_decay": decay}
            for (rate, decay), members in sorted(groups.items(), key=lambda item: item[0])
        ]
    )


def linear_schedule(step: int, warmup: int, total: int) -> float:
    """Factor on the learning rate at a step: 0 to 1 over ``warmup`` steps, then linearly to 0 at ``total``."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))
