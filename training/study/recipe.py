"""How every cell of a study is trained: the same for all losses."""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from model.errors import InvalidOption
from training.flags import Flag


@dataclass(frozen=True)
class Recipe:
    """Numbers chosen for BCE on the validation part, once, and then kept for every loss."""

    encoder: Annotated[str, Flag("Features of texts: frozen minilm, tiny or a folder; or lsa (TF-IDF, SVD).")] = (
        "minilm"
    )
    """A dataset of features needs none."""
    max_tokens: Annotated[int, Flag("Tokens of a text that the encoder reads.")] = 256
    """256 is what all-MiniLM-L6-v2 was made for."""
    steps: Annotated[int, Flag("Optimiser steps of a cell. Default: 200.", default=None)] = 200
    batch_size: Annotated[
        int, Flag("Documents a step, for the contrastive loss too. Default: 256; with --free-layers 16.", default=None)
    ] = 256
    hidden: Annotated[int, Flag("Width of the trunk and of the searched embedding. Default: 128.", default=None)] = 128
    """Small, so that thousands of cells fit on one core."""
    projection: int = 64
    """Width of the projections that the contrastive loss sees."""
    dropout: Annotated[float, Flag("Dropout of trunk and classifier. Default: 0.3.", default=None)] = 0.3
    learning_rate: Annotated[
        float,
        Flag(
            "Peak rate; with --free-layers of what stands on the encoder. Default: 0.002, and 0.001.",
            default=None,
        ),
    ] = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps in which the rate rises."""
    validations: int = 5
    """Times that validation MAP is measured; the best weights are kept."""

    def __post_init__(self) -> None:
        for flag, value in (
            ("--max-tokens", self.max_tokens),
            ("--steps", self.steps),
            ("--batch-size", self.batch_size),
            ("--hidden", self.hidden),
            ("--projection", self.projection),
            ("--validations", self.validations),
        ):
            if value < 1:
                raise InvalidOption(f"{flag} must be at least 1, got {value}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidOption(f"--learning-rate must be a positive number, got {self.learning_rate}")
        if not 0 <= self.dropout < 1:
            raise InvalidOption(f"--dropout must be at least 0 and below 1, got {self.dropout}")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
