"""What one training run was asked for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from training.flags import Flag
from training.optimise.run_folders import beside, cache_folder
from training.options import CHECKPOINT_MINUTES, LEAST_PATIENTS, TrainingOptions
from training.run.presets import use_preset

if TYPE_CHECKING:  # it imports torch, and the flags below are read for --help
    from training.optimise.distributed import Processes


def _one_process() -> "Processes":
    from training.optimise.distributed import ALONE

    return ALONE


@dataclass(frozen=True)
class TrainingRequest:
    """Where a run reads and writes, and what it makes, beside its options."""

    data: Annotated[Path, Flag("Dataset directory, made by `icd-coder prepare`.")]
    out: Annotated[Path, Flag("Bundle directory to write.")]
    options: TrainingOptions
    fit_splits: Annotated[
        tuple[str, ...], Flag("Splits to train on, with a comma: train or train,dev.", type=str, default="train")
    ] = ("train",)
    cache: Annotated[Path | None, Flag("Folder for the frozen layers' states; default DATA.cache.")] = None
    device: Annotated[str, Flag("auto, cpu or cuda.", default="auto")] = "cpu"
    resume: Annotated[bool, Flag("Go on from the last checkpoint.", "--resume")] = False
    allow_download: Annotated[
        bool, Flag("Let --encoder fetch a hub id; nothing else is ever fetched.", "--allow-download")
    ] = False
    checkpoint_minutes: Annotated[
        float,
        Flag("Between two checkpoints; there is one at every epoch's end and on Ctrl-C too.", low=0),
    ] = CHECKPOINT_MINUTES
    processes: "Processes" = field(default_factory=_one_process)
    preset: Annotated[
        str | None,
        Flag(
            "mimic3-full: the options of docs/tutorials/mimic-iii.md, each overridden by its own flag.",
            callback=use_preset,
        ),
    ] = None
    """For the record: its values are in the options."""
    ranker: Annotated[
        bool,
        Flag(
            "Fuse the classifier with neighbours, phrases, code titles and the label prior; fitted on dev.",
            default=True,
        ),
    ] = False
    ranker_folds: Annotated[
        int,
        Flag(
            "With --fit-splits train,dev: classifiers, each trained without a fold, that the ranker is fitted on.",
            low=2,
        ),
    ] = 5
    """The ranker is fitted on scores of classifiers that did not train on the note; here dev is no held-out split."""
    code_universe: Annotated[
        str | None,
        Flag("Codes that the ranker may propose: trained, icd10cm or icd9cm. Default: the table of its codes."),
    ] = None

    least_patients: Annotated[
        int,
        Flag("Patients whose notes have a phrase or word, for the bundle to keep it; 1 for public notes.", low=1),
    ] = LEAST_PATIENTS

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
