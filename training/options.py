"""The options of a training run, each declared and explained once: its type, default, flag and help."""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from model.errors import InvalidOption
from training.flags import Flag

PROTOCOLS = ("joint", "two-stage")
STAGE_TWOS = ("frozen", "free")
CHECKPOINT_MINUTES = 10.0
LEAST_PATIENTS = 5
"""Fewest patients of a phrase or word that a bundle keeps; untuned."""
LEAST = {
    "epochs": 1,
    "patience": 1,
    "batch_size": 1,
    "tokens_per_batch": 0,
    "contrastive_batch": 0,
    "views": 1,
    "queue": 0,
    "accumulate": 1,
    "max_tokens": 1,
    "window": 3,  # two special tokens and one of the note
    "freeze_layers": -1,
    "seed": 0,
    "threads": 0,
}
"""Lowest value of the whole numbers."""
LOSSES = ("bce", "sd", "supcon", "all", "any", "mulsupcon", "multisupcon", "jaccard", "jscl")


@dataclass(frozen=True)
class TrainingOptions:
    """All that the result of a run depends on beside its data; saved in the bundle's card and in every checkpoint."""

    encoder: Annotated[
        str, Flag("minilm, tiny (random, for tests), a folder with a BERT or RoBERTa, or a hub id.", default="minilm")
    ]
    loss: Annotated[
        str,
        Flag(
            "bce, or BCE + lambda * one of sd, all, any, mulsupcon, multisupcon, jaccard, jscl, supcon, or of your own "
            "as module:Class."
        ),
    ] = "sd"
    head: Annotated[str, Flag("plm-ca (cross-attention) or plm-icd (LAAT).")] = "plm-ca"
    epochs: Annotated[int, Flag("Most epochs.")] = 20
    patience: Annotated[int, Flag("Epochs without a better validation MAP before it stops.")] = 4
    batch_size: Annotated[int, Flag("Notes a forward pass, over all processes. Default: 16.", default=None)] = 16
    tokens_per_batch: Annotated[
        int,
        Flag("Instead of --batch-size: tokens a forward pass, of notes alike in length.", default=None, low=1),
    ] = 0
    """Padding included; 0: batch_size counts."""
    accumulate: Annotated[int, Flag("Batches an optimiser step.")] = 1
    contrastive_batch: Annotated[
        int,
        Flag("Notes of the contrastive loss and of an optimiser step, in the memory of one batch; 0: the batch's."),
    ] = 0
    views: Annotated[int, Flag("Forward passes of a note with dropouts of their own, for the contrastive loss.")] = 1
    """BCE reads the first."""
    learning_rate: Annotated[float, Flag("Of the encoder's trained layers.")] = 5e-5
    """5e-5 is PLM-ICD's (Huang et al. 2022)."""
    head_learning_rate: Annotated[float, Flag("Of label attention, embedding, projection.")] = 1e-3
    weight_decay: float = 0.01
    warmup: Annotated[float, Flag("Share of the steps in which the rate rises.", low=0, high=1)] = 0.1
    clip: float = 1.0
    """Largest gradient norm."""
    max_tokens: Annotated[int, Flag("Tokens of a note that are read.")] = 3072
    """3,072 is PLM-ICD's."""
    window: Annotated[int, Flag("Tokens a window.")] = 128
    """Special tokens included; 128 is PLM-ICD's."""
    freeze_layers: Annotated[
        int,
        Flag(
            "Encoder layers that stay as they are and are computed once; -1 trains all. "
            "Default: all of them for minilm and tiny on a CPU, else -1.",
            default=None,
        ),
    ] = -1
    pooling: Annotated[
        str,
        Flag(
            "What the document embedding reads: mean, of the token states, or codes: that, and a vector of each code "
            "weighted by its probability, so that the contrastive loss trains label attention too."
        ),
    ] = "mean"
    contrastive_weight: Annotated[float, Flag("Weight of the contrastive loss.", "--lambda")] = 1.0
    temperature: Annotated[float, Flag("tau of the contrastive loss.")] = 0.07
    placement: Annotated[str, Flag("Where SD's weight stands: outside, inside, pooled.")] = "outside"
    normalization: Annotated[str, Flag("positives (the paper's) or weights.")] = "weights"
    match_scale: Annotated[
        bool, Flag("Scale the contrastive loss, once, to the gradient of `any` on batch one.", "--match-scale")
    ] = False
    queue: Annotated[int, Flag("Notes of earlier steps, with their codes, to contrast with as well; 0: none.")] = 0
    protocol: Annotated[str, Flag("joint, or two-stage: the contrastive loss for --epochs, then BCE for --epochs.")] = (
        "joint"
    )
    stage_two: Annotated[str, Flag("With two-stage: frozen or free, whether the encoder learns from BCE.")] = "frozen"
    precision: Annotated[str, Flag("auto, fp32 or bf16 (of the matrix products).", default="auto")] = "fp32"
    gradient_checkpointing: Annotated[
        bool, Flag("Less memory, a third more work: the encoder runs twice.", "--gradient-checkpointing")
    ] = False
    compile: Annotated[bool, Flag("Let torch.compile fuse the encoder; needs a C++ compiler.", "--compile")] = False
    seed: Annotated[int, Flag("Of weights, order and dropout.")] = 1
    threads: Annotated[int, Flag("CPU threads; 0: torch's choice.")] = 0

    def __post_init__(self) -> None:
        _one_of("--head", self.head, ("plm-ca", "plm-icd"))
        _one_of("--precision", self.precision, ("fp32", "bf16"))
        _one_of("--pooling", self.pooling, ("mean", "codes"))
        for name, low in LEAST.items():
            if getattr(self, name) < low:
                raise InvalidOption(f"--{name.replace('_', '-')} must be at least {low}, got {getattr(self, name)}")
        for name in ("learning_rate", "head_learning_rate", "temperature", "clip"):
            number = getattr(self, name)
            if not (math.isfinite(number) and number > 0):
                raise InvalidOption(f"--{name.replace('_', '-')} must be a positive number, got {number}")
        if not 0 <= self.warmup <= 1:
            raise InvalidOption(f"--warmup must lie between 0 and 1, got {self.warmup}")
        if not (math.isfinite(self.contrastive_weight) and self.contrastive_weight >= 0):
            raise InvalidOption(f"--lambda must be 0 or more, got {self.contrastive_weight}")
        self._require_fitting_batches()
        self._require_a_form_of_sd()
        self._require_a_contrastive_loss()
        self._require_a_known_loss()

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

    def _require_a_known_loss(self) -> None:
        if self.loss not in LOSSES:
            from model.losses.own_loss import own_loss  # imports torch, --help must not

            own_loss(self.loss, self.temperature, queue=self.queue > 0, built_in=LOSSES)

    def _require_a_form_of_sd(self) -> None:
        from model.losses.similarity_dissimilarity import NORMALIZATIONS, PLACEMENTS  # imports torch, --help must not

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
            ("--pooling codes", self.pooling == "codes"),
            ("--protocol two-stage", self.protocol == "two-stage"),
        ):
            if given and self.loss == "bce":
                raise InvalidOption(
                    f"{flag} needs a contrastive loss, and --loss is 'bce': name another, or leave it out"
                )
        if self.protocol == "two-stage" and self.pooling == "codes":
            raise InvalidOption(
                "--pooling codes reads label attention, which the second stage of --protocol two-stage would change "
                "under it: choose --protocol joint, or --pooling mean"
            )
        if self.protocol == "two-stage" and self.contrastive_weight == 0:
            raise InvalidOption("--lambda must be above 0 with --protocol two-stage, got 0: its first stage has no BCE")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidOption(f"{flag} must be one of {', '.join(allowed)}, got '{value}'")
