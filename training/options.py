"""What a training run is made of; saved beside its result."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from model.errors import InvalidOption
from model.losses.similarity_dissimilarity import NORMALIZATIONS, PLACEMENTS

PROTOCOLS = ("joint", "two-stage")
STAGE_TWOS = ("frozen", "free")
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
    """Notes a forward pass, over all processes together, and the batch of the contrastive loss."""
    tokens_per_batch: int = 0
    """Tokens a forward pass, padding included, over all processes together, instead of batch_size; 0: batch_size."""
    accumulate: int = 1
    """Batches an optimiser step."""
    contrastive_batch: int = 0
    """Notes of the contrastive loss, and of the optimiser step, by gradient caching; 0: those of a batch."""
    views: int = 1
    """Forward passes of each note, with dropouts of their own, for the contrastive loss; BCE reads the first."""
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
    match_scale: bool = False
    """Whether the contrastive loss is scaled, once and for all, to the gradient of ANY on the first batch."""
    queue: int = 0
    """Projections of earlier steps that are further candidates of the contrastive loss."""
    protocol: str = "joint"
    """joint (BCE plus the contrastive loss) or two-stage (the contrastive loss, then BCE); epochs are those of each."""
    stage_two: str = "frozen"
    """frozen or free: whether the encoder learns from BCE in the second stage."""
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
            ("--tokens-per-batch", self.tokens_per_batch, 0),
            ("--contrastive-batch", self.contrastive_batch, 0),
            ("--views", self.views, 1),
            ("--queue", self.queue, 0),
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
        self._require_fitting_batches()
        self._require_a_form_of_sd()
        self._require_a_contrastive_loss()

    @property
    def bce_weight(self) -> float:
        """1, or 0 where the contrastive loss is trained alone: the first of two stages."""
        return 1.0 if self.protocol == "joint" else 0.0

    @property
    def validation_measure(self) -> str:
        """What validation measures, as the log calls it: a first stage has no scores to rank."""
        return "validation_map" if self.protocol == "joint" else "neighbour_jaccard"

    @property
    def steps_by_notes(self) -> bool:
        """Whether contrastive_batch sets the notes of an optimiser step; for bce too, so that twins step alike."""
        return self.contrastive_batch > (0 if self.tokens_per_batch else self.batch_size)

    @property
    def caches_gradients(self) -> bool:
        """Whether the contrastive loss sees more notes than a forward pass."""
        return self.loss != "bce" and self.steps_by_notes

    def _require_fitting_batches(self) -> None:
        if not self.tokens_per_batch and 0 < self.contrastive_batch < self.batch_size:
            raise InvalidOption(
                f"--contrastive-batch {self.contrastive_batch} is less than --batch-size {self.batch_size}: "
                "lower --batch-size, or leave --contrastive-batch out"
            )
        if self.steps_by_notes and self.accumulate > 1:
            raise InvalidOption(
                f"--contrastive-batch {self.contrastive_batch} sets the notes of an optimiser step: "
                f"leave --accumulate {self.accumulate} out"
            )

    def _require_a_form_of_sd(self) -> None:
        _one_of("--placement", self.placement, PLACEMENTS)
        _one_of("--normalization", self.normalization, NORMALIZATIONS)
        if self.loss == "sd" and self.normalization == "weights" and self.placement != "outside":
            raise InvalidOption(
                f"--normalization weights goes with --placement outside only, got '{self.placement}': "
                "add --normalization positives"
            )

    def _require_a_contrastive_loss(self) -> None:
        _one_of("--protocol", self.protocol, PROTOCOLS)
        _one_of("--stage-two", self.stage_two, STAGE_TWOS)
        for flag, given in (
            ("--match-scale", self.match_scale),
            (f"--queue {self.queue}", self.queue > 0),
            ("--protocol two-stage", self.protocol == "two-stage"),
        ):
            if given and self.loss == "bce":
                raise InvalidOption(
                    f"{flag} needs a contrastive loss, and --loss is 'bce': name another, or leave it out"
                )
        if self.protocol == "two-stage" and self.contrastive_weight == 0:
            raise InvalidOption("--lambda must be above 0 with --protocol two-stage, got 0: its first stage has no BCE")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidOption(f"{flag} must be one of {', '.join(allowed)}, got '{value}'")
