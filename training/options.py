"""What a training run is made of; saved beside its result."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from model.errors import InvalidOption

LOSSES = ("bce", "sd", "supcon", "all", "any", "mulsupcon", "multisupcon", "jaccard", "jscl")


@dataclass(frozen=True)
class TrainingOptions:
    """Options of one run; each field is the flag of the same name."""

    encoder: str
    """minilm, tiny, a folder, or a hub id."""
    loss: str = "sd"
    """bce alone, or BCE plus the contrastive loss of this name."""
    head: str = "plm-ca"
    """plm-ca (cross-attention) or plm-icd (LAAT)."""
    epochs: int = 20
    """Most epochs; early stopping may end before."""
    patience: int = 4
    """Epochs without a better validation MAP before training stops."""
    batch_size: int = 16
    """Notes a forward pass, and the batch of the contrastive loss."""
    accumulate: int = 1
    """Batches an optimiser step."""
    learning_rate: float = 5e-5
    """Of the encoder's unfrozen layers; 5e-5 is PLM-ICD's (Huang et al. 2022)."""
    head_learning_rate: float = 1e-3
    """Of label attention, embedding and projection, which start from nothing."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of all steps."""
    clip: float = 1.0
    """Largest gradient norm."""
    max_tokens: int = 3072
    """Tokens of a note that are read; 3,072 is PLM-ICD's."""
    window: int = 128
    """Tokens a window, special tokens included; 128 is PLM-ICD's."""
    freeze_layers: int = -1
    """Encoder layers, with the embeddings, that are not trained and whose states are cached; -1 trains all."""
    contrastive_weight: float = 1.0
    """lambda, the weight of the contrastive loss."""
    temperature: float = 0.07
    placement: str = "outside"
    normalization: str = "weights"
    precision: str = "fp32"
    """fp32 or bf16, of the encoder's and the label attention's products."""
    gradient_checkpointing: bool = False
    """Keep only the states between the encoder's layers, and compute the rest again in the backward pass."""
    compile: bool = False
    """Let torch.compile fuse what the encoder does token by token."""
    seed: int = 1
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""

    def __post_init__(self) -> None:
        _one_of("--loss", self.loss, LOSSES)
        _one_of("--head", self.head, ("plm-ca", "plm-icd"))
        _one_of("--precision", self.precision, ("fp32", "bf16"))
        for flag, value, low in (
            ("--epochs", self.epochs, 1),
            ("--patience", self.patience, 1),
            ("--batch-size", self.batch_size, 1),
            ("--accumulate", self.accumulate, 1),
            ("--max-tokens", self.max_tokens, 1),
            ("--window", self.window, 3),  # two special tokens and one of the note
            ("--freeze-layers", self.freeze_layers, -1),
            ("--seed", self.seed, 0),
            ("--threads", self.threads, 0),
        ):
            if value < low:
                raise InvalidOption(f"{flag} must be at least {low}, got {value}")
        for flag, number in (
            ("--learning-rate", self.learning_rate),
            ("--head-learning-rate", self.head_learning_rate),
            ("--temperature", self.temperature),
            ("--clip", self.clip),
        ):
            if not (math.isfinite(number) and number > 0):
                raise InvalidOption(f"{flag} must be a positive number, got {number}")
        if not 0 <= self.warmup <= 1:
            raise InvalidOption(f"--warmup must lie between 0 and 1, got {self.warmup}")
        if not (math.isfinite(self.contrastive_weight) and self.contrastive_weight >= 0):
            raise InvalidOption(f"--lambda must be 0 or more, got {self.contrastive_weight}")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidOption(f"{flag} must be one of {', '.join(allowed)}, got '{value}'")
