"""The verb ``benchmark``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import InvalidOption
from training.benchmark.options import BenchmarkOptions
from training.flags import from_flags, takes_flags_of

benchmark = typer.Typer(no_args_is_help=True, help="Measure speed and memory beside the published form of the coder.")

NoNaive = Annotated[bool, typer.Option("--no-naive", help="Leave the published form out: it needs much memory.")]
Out = Annotated[Path | None, typer.Option(help="JSON file to write.", show_default=False)]


@benchmark.command(
    epilog="Examples:\n\n  icd-coder benchmark train --encoder tiny --labels 500 --tokens 512 --batch-size 4\n\n"
    "  icd-coder benchmark train --device cuda --precision bf16 --batch-size 16 --mixed --out train.json"
)
@takes_flags_of(BenchmarkOptions)
def train(
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="As in `icd-coder train`.")
    ] = False,
    no_naive: NoNaive = False,
    out: Out = None,
    **values: Any,
) -> None:
    """Steps of training (forward, backward, AdamW) on notes of random tokens."""
    _run("train", values, out, gradient_checkpointing=gradient_checkpointing, naive=not no_naive)


@benchmark.command(
    epilog="Examples:\n\n  icd-coder benchmark predict --encoder minilm --tokens 1024\n\n"
    "  icd-coder benchmark predict --head plm-ca --threads 2 --out predict.json"
)
@takes_flags_of(BenchmarkOptions)
def predict(no_naive: NoNaive = False, out: Out = None, **values: Any) -> None:
    """Predictions for notes of random tokens."""
    _run("predict", values, out, naive=not no_naive)


def _run(kind: str, values: Mapping[str, Any], out: Path | None, **others: bool) -> None:
    import json

    from model.atomic_output import require_no_file, write_atomically
    from model.errors import MissingInput
    from model.network.device import resolve_device
    from training.benchmark.report import benchmark_report
    from training.benchmark.throughput import measure_throughput

    chosen = {"precisions": _precisions(values["precisions"]), "device": resolve_device(values["device"])}
    options = from_flags(BenchmarkOptions, {**values, **chosen}, kind=kind, **others)
    if out is not None:
        require_no_file(out)
        if not out.parent.is_dir():
            raise MissingInput(f"there is no folder '{out.parent}' for --out: make it first")
    result = measure_throughput(options)
    if out is not None:
        write_atomically(out, (json.dumps(result, indent=2) + "\n").encode())
    typer.echo(benchmark_report(result))


def _precisions(value: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    if not chosen:
        raise InvalidOption(f"--precision must be fp32, bf16, or both with a comma; got '{value}'")
    return chosen
