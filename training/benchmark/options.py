"""Options of the throughput benchmark."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from model.errors import InvalidOption
from training.flags import Flag

KINDS = ("train", "predict")


@dataclass(frozen=True)
class BenchmarkOptions:
    """Shapes and repetitions; a field with a Flag is one on the command line."""

    kind: str
    """train or predict."""
    encoder: Annotated[str, Flag("roberta-base-random, tiny (both random), minilm, or a folder.")] = (
        "roberta-base-random"
    )
    head: Annotated[str, Flag("plm-ca or plm-icd.")] = "plm-icd"
    labels: Annotated[int, Flag("Codes.")] = 8929
    """8,929: the codes of MIMIC-III-Full."""
    tokens: Annotated[int, Flag("Most tokens a note.")] = 3072
    """3,072 is PLM-ICD's."""
    mixed: Annotated[bool, Flag("Notes of different length instead of all of --tokens.", "--mixed")] = False
    batch_size: Annotated[int, Flag("Notes a batch.")] = 1
    window: Annotated[int, Flag("Tokens a window.")] = 128
    precisions: Annotated[
        tuple[str, ...], Flag("fp32, bf16, or both with a comma.", "--precision", type=str, default="fp32,bf16")
    ] = ("fp32", "bf16")
    device: Annotated[str, Flag("auto, cpu or cuda.", default="auto")] = "cpu"
    threads: Annotated[int, Flag("CPU threads; 0: torch's choice.")] = 0
    repeats: Annotated[int, Flag("Rounds in which the forms alternate, after one that is not counted.")] = 5
    gradient_checkpointing: bool = False
    compile: Annotated[bool, Flag("Let torch.compile fuse the encoder.", "--compile")] = False
    naive: bool = True
    """Whether to run the published form too."""
    seed: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidOption(f"the benchmark must be one of {', '.join(KINDS)}, got '{self.kind}'")
        if self.head not in ("plm-ca", "plm-icd"):
            raise InvalidOption(f"--head must be plm-ca or plm-icd, got '{self.head}'")
        for precision in self.precisions:
            if precision not in ("fp32", "bf16"):
                raise InvalidOption(f"--precision must be fp32 or bf16, got '{precision}'")
        for flag, value, low in (
            ("--labels", self.labels, 1),
            ("--tokens", self.tokens, 1),
            ("--batch-size", self.batch_size, 1),
            ("--window", self.window, 3),
            ("--threads", self.threads, 0),
            ("--repeats", self.repeats, 1),
        ):
            if value < low:
                raise InvalidOption(f"{flag} must be at least {low}, got {value}")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
