"""Options of the throughput benchmark."""

from dataclasses import asdict, dataclass
from typing import Any

from model.errors import InvalidOption

KINDS = ("train", "predict")


@dataclass(frozen=True)
class BenchmarkOptions:
    """Shapes and repetitions; each field is the flag of the same name."""

    kind: str
    """train or predict."""
    encoder: str = "roberta-base-random"
    head: str = "plm-icd"
    labels: int = 8929
    """8,929: the codes of MIMIC-III-Full."""
    tokens: int = 3072
    """Most tokens a note; 3,072 is PLM-ICD's."""
    mixed: bool = False
    """Notes of different length, instead of all having ``tokens``."""
    batch_size: int = 1
    window: int = 128
    precisions: tuple[str, ...] = ("fp32", "bf16")
    device: str = "cpu"
    threads: int = 0
    repeats: int = 5
    gradient_checkpointing: bool = False
    compile: bool = False
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
