"""What one training run was asked for."""

from dataclasses import dataclass
from pathlib import Path

from training.optimise.distributed import ALONE, Processes
from training.optimise.loop import CHECKPOINT_MINUTES
from training.optimise.run_folders import beside, cache_folder
from training.options import TrainingOptions


@dataclass(frozen=True)
class TrainingRequest:
    """Where a run reads and writes, beside its options."""

    data: Path
    out: Path
    options: TrainingOptions
    fit_splits: tuple[str, ...] = ("train",)
    cache: Path | None = None
    device: str = "cpu"
    resume: bool = False
    allow_download: bool = False
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    processes: Processes = ALONE
    preset: str | None = None
    """Where the options came from, for the record."""
    ranker: bool = False
    """Whether the bundle gets a ranker over the classifier."""
    ranker_folds: int = 5
    """Classifiers that are trained for the ranker alone where the dev split is trained on: no note is left then that
    the classifier does not know."""
    code_universe: str | None = None
    """trained, icd10cm or icd9cm: what the ranker may propose; None for the table of the label space's own codes."""

    @property
    def by_folds(self) -> bool:
        return self.ranker and "dev" in self.fit_splits

    @property
    def run_folder(self) -> Path:
        """Log, TensorBoard scalars and checkpoints: beside the bundle, which is written once at the end."""
        return beside(self.out, ".run")

    @property
    def cache_folder(self) -> Path:
        return cache_folder(self.data, self.cache)
