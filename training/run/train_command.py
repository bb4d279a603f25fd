"""The verb ``train``."""

from typing import Any

import typer

from model.errors import InvalidOption
from training.flags import from_flags, takes_flags_of
from training.options import TrainingOptions
from training.run.presets import preset_line
from training.run.run_request import TrainingRequest

TRAIN_EXAMPLES = """
Examples:

  icd-coder train --data DATA --encoder minilm --out BUNDLE

  icd-coder train --data DATA --encoder /weights/RoBERTa-base-PM-M3-Voc --loss sd --device cuda --out BUNDLE

  icd-coder train --preset mimic3-full --data DATA --encoder /weights/RoBERTa-base-PM-M3-Voc --device cuda --out BUNDLE

  icd-coder train --data DATA --encoder minilm --out BUNDLE --resume      (after Ctrl-C)

  icd-coder train --data DATA --encoder minilm --loss sd --protocol two-stage --queue 1024 --out BUNDLE

  icd-coder train --data DATA --encoder minilm --loss my_losses:OverlapLoss --out BUNDLE      (my_losses.py is here)

  icd-coder train --data DATA --encoder minilm --fit-splits train,dev --epochs 10 --out BUNDLE

  torchrun --nproc-per-node 4 -m icd_coder train --data DATA --encoder PATH --device cuda --out BUNDLE


Beside the bundle lies BUNDLE.run: log.jsonl, tensorboard/ (tensorboard --logdir BUNDLE.run) and the checkpoints.
"""


@takes_flags_of(TrainingOptions, TrainingRequest)
def train(context: typer.Context, **values: Any) -> None:
    """Train a coder and write its bundle."""
    from model.network.device import resolve_device
    from model.network.precision import trained_precision
    from training.optimise.distributed import join_processes
    from training.run.train import train_bundle

    device = resolve_device(values["device"])
    if values["tokens_per_batch"] is not None and not _given(context, "batch_size"):
        values["batch_size"] = None  # a preset's
    if values["batch_size"] is not None and values["tokens_per_batch"] is not None:
        raise InvalidOption("--batch-size and --tokens-per-batch both set the size of a batch: leave one out")
    if values["freeze_layers"] is None:
        values["freeze_layers"] = frozen_by_default(values["encoder"], device)
    values["precision"] = trained_precision(values["precision"], device)
    values["fit_splits"] = _splits(values["fit_splits"])
    options = from_flags(TrainingOptions, values)
    if values["preset"] is not None:
        flags = {str(parameter.name): parameter.opts[0] for parameter in context.command.params}
        typer.echo(preset_line(values["preset"], context.params, flags), err=True)
    processes = join_processes(device)
    values["device"] = processes.device
    bundle_id = train_bundle(from_flags(TrainingRequest, values, options=options, processes=processes))
    if processes.first:
        typer.echo(f"bundle {bundle_id[:12]} written to {values['out']}")
    processes.close()


def frozen_by_default(encoder: str, device: str) -> int:
    """All layers of the small encoders on a CPU, where training them would take days; none elsewhere."""
    small = {"minilm": 6, "tiny": 2}
    return small.get(encoder, -1) if device == "cpu" else -1


def _given(context: typer.Context, name: str) -> bool:
    """Whether the flag of a parameter stands on the command line, rather than in a preset or a default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _splits(value: str) -> tuple[str, ...]:
    splits = tuple(part.strip() for part in value.split(",") if part.strip())
    if not splits or set(splits) - {"train", "dev", "test"}:
        raise InvalidOption(f"--fit-splits must name train, or train,dev; got '{value}'")
    return splits
