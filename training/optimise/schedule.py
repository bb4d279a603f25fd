"""Warm-up and linear decay."""


def linear_schedule(step: int, warmup: int, total: int) -> float:
    """Factor on the learning rate at a step: 0 to 1 over ``warmup`` steps, then linearly to 0 at ``total``."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))
