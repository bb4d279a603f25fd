"""The verb ``benchmark``."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import InvalidOption
from training.benchmark.options import BenchmarkOptions

benchmark = typer.Typer(no_args_is_help=True, help="Measure speed and memory beside the published form of the coder.")

Encoder = Annotated[str, typer.Option(help="roberta-base-random, tiny (both random), minilm, or a folder.")]
Head = Annotated[str, typer.Option(help="plm-ca or plm-icd.")]
Labels = Annotated[int, typer.Option(help="Codes.")]
Tokens = Annotated[int, typer.Option(help="Most tokens a note.")]
Mixed = Annotated[bool, typer.Option("--mixed", help="Notes of different length instead of all of --tokens.")]
BatchSize = Annotated[int, typer.Option(help="Notes a batch.")]
Window = Annotated[int, typer.Option(help="Tokens a window.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, or both with a comma.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Threads = Annotated[int, typer.Option(help="CPU threads; 0: torch's choice.")]
Repeats = Annotated[int, typer.Option(help="Rounds in which the forms alternate, after one that is not counted.")]
NoNaive = Annotated[bool, typer.Option("--no-naive", help="Leave the published form out: it needs much memory.")]
Compile = Annotated[bool, typer.Option("--compile", help="Let torch.compile fuse the encoder.")]
Out = Annotated[Path | None, typer.Option(help="JSON file to write.", show_default=False)]


@benchmark.command(
    epilog="Examples:\n\n  icd-coder benchmark train --encoder tiny --labels 500 --tokens 512 --batch-size 4\n\n"
    "  icd-coder benchmark train --device cuda --precision bf16 --batch-size 16 --mixed --out train.json"
)
def train(
    encoder: Encoder = "roberta-base-random",
    head: Head = "plm-icd",
    labels: Labels = 8929,
    tokens: Tokens = 3072,
    mixed: Mixed = False,
    batch_size: BatchSize = 1,
    window: Window = 128,
    precision: Precision = "fp32,bf16",
    device: Device = "auto",
    threads: Threads = 0,
    repeats: Repeats = 5,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="As in `icd-coder train`.")
    ] = False,
    compile_encoder: Compile = False,
    no_naive: NoNaive = False,
    out: Out = None,
) -> None:
    """Steps of training (forward, backward, AdamW) on notes of random tokens."""
    from model.network.device import resolve_device

    options = BenchmarkOptions(
        "train",
        encoder,
        head,
        labels,
        tokens,
        mixed,
        batch_size,
        window,
        _precisions(precision),
        resolve_device(device),
        threads,
        repeats,
        gradient_checkpointing,
        compile_encoder,
        not no_naive,
    )
    _run(options, out)


@benchmark.command(
    epilog="Examples:\n\n  icd-coder benchmark predict --encoder minilm --tokens 1024\n\n"
    "  icd-coder benchmark predict --head plm-ca --threads 2 --out predict.json"
)
def predict(
    encoder: Encoder = "roberta-base-random",
    head: Head = "plm-icd",
    labels: Labels = 8929,
    tokens: Tokens = 3072,
    mixed: Mixed = False,
    batch_size: BatchSize = 1,
    window: Window = 128,
    precision: Precision = "fp32,bf16",
    device: Device = "auto",
    threads: Threads = 0,
    repeats: Repeats = 5,
    compile_encoder: Compile = False,
    no_naive: NoNaive = False,
    out: Out = None,
) -> None:
    """Predictions for notes of random tokens."""
    from model.network.device import resolve_device

    options = BenchmarkOptions(
        "predict",
        encoder,
        head,
        labels,
        tokens,
        mixed,
        batch_size,
        window,
        _precisions(precision),
        resolve_device(device),
        threads,
        repeats,
        compile=compile_encoder,
        naive=not no_naive,
    )
    _run(options, out)


def _run(options: BenchmarkOptions, out: Path | None) -> None:
    import json

    from model.atomic_output import write_atomically
    from model.errors import MissingInput, OutputExists
    from training.benchmark.report import benchmark_report
    from training.benchmark.throughput import measure_throughput

    if out is not None and out.exists():
        raise OutputExists(f"'{out}' is there already: remove it or choose another --out")
    if out is not None and not out.parent.is_dir():
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
