"""How every cell of a study is trained where the top layers of the encoder are free: as ``icd-coder train`` does."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from model.errors import InvalidOption
from training.flags import Flag
from training.options import TrainingOptions

if TYPE_CHECKING:  # it imports torch, and the flags below are read for --help
    from training.study.cell import Setting

WINDOW = 128
"""Tokens a window, as in ``train``."""


@dataclass(frozen=True)
class FineTuning:
    """Numbers that are the same for every loss; those of ``train`` unless given."""

    free_layers: Annotated[
        int,
        Flag(
            "Top layers of the encoder that are trained too, under the label attention of `train` instead of the "
            "small network; 0: none.",
            low=0,
        ),
    ] = 0
    epochs: Annotated[
        int, Flag("With --free-layers: epochs of a cell, of each of two stages. Default: 5.", default=None, low=1)
    ] = 5
    encoder_rate: Annotated[
        float, Flag("With --free-layers: peak rate of the encoder's layers. Default: 5e-05.", default=None)
    ] = 5e-5
    encoder: str = "minilm"
    max_tokens: int = 256
    batch_size: int = 16
    learning_rate: float = 1e-3
    """Peak rate of label attention, embedding and projection."""
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for flag, value in (("--encoder-rate", self.encoder_rate), ("--learning-rate", self.learning_rate)):
            if not (math.isfinite(value) and value > 0):
                raise InvalidOption(f"{flag} must be a positive number, got {value}")

    def options(self, setting: "Setting", seed: int, layers: int) -> TrainingOptions:
        """The options of ``train`` for a cell over an encoder of so many layers.

        Raises:
            InvalidOption: more free layers than layers, or a loss that ``train`` does not have.
        """
        from training.study.study_losses import ABLATIONS, BCE, PLACED  # imports torch, --help must not

        if self.free_layers > layers:
            raise InvalidOption(f"--free-layers {self.free_layers} is more than the encoder's {layers} layers")
        if setting.loss in ABLATIONS:
            raise InvalidOption(f"--losses {setting.loss} is for frozen features: leave it or --free-layers out")
        term: dict[str, Any] = {}
        if setting.loss in PLACED:
            term |= dict(zip(("placement", "normalization"), PLACED[setting.loss], strict=True))
        if setting.loss != BCE:
            term |= {"temperature": setting.temperature, "contrastive_weight": setting.weight}
        return TrainingOptions(
            encoder=self.encoder,
            loss="sd" if setting.loss in PLACED else setting.loss,
            epochs=self.epochs,
            patience=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.encoder_rate,
            head_learning_rate=self.learning_rate,
            max_tokens=self.max_tokens,
            window=WINDOW,
            freeze_layers=layers - self.free_layers,
            match_scale=setting.scale == "matched",
            protocol=setting.protocol,
            pooling=setting.pooling,
            precision=self.precision,
            seed=seed,
            **term,
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"window": WINDOW}
