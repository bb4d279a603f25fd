"""The verbs of training. torch and polars are imported only when a verb runs, so that --help is fast."""

from pathlib import Path
from typing import Annotated

import typer

from training.benchmark.commands import benchmark
from training.export.commands import export
from training.prepare.commands import commands as prepare
from training.run.evaluate_command import EVALUATE_EXAMPLES, evaluate
from training.run.train_command import TRAIN_EXAMPLES, train
from training.study.commands import study
from training.synthetic.commands import synth
from training.verification.commands import verify_data

commands = typer.Typer()
commands.add_typer(synth, name="synth")
commands.add_typer(prepare, name="prepare")
commands.add_typer(verify_data, name="verify-data")
commands.add_typer(benchmark, name="benchmark")
commands.add_typer(study, name="study")
commands.add_typer(export, name="export")
commands.command("evaluate", epilog=EVALUATE_EXAMPLES)(evaluate)
commands.command("train", epilog=TRAIN_EXAMPLES)(train)

Data = Annotated[Path, typer.Option(help="Dataset directory, made by `icd-coder prepare`.")]
Bundle = Annotated[Path, typer.Option(help="Bundle directory, made by `icd-coder train`.")]


@commands.command(epilog="Example:\n\n  icd-coder compare REPORT_A REPORT_B")
def compare(
    first: Annotated[Path, typer.Argument(help="Report directory, made by `icd-coder evaluate`.")],
    second: Annotated[Path, typer.Argument(help="Another one on the same data and split.")],
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Two reports side by side: every difference with a paired bootstrap interval over documents."""
    from training.evaluation.comparison_table import comparison_json, print_comparison
    from training.evaluation.report_comparison import compare_reports

    comparison = compare_reports(first, second, seed)
    if as_json:
        typer.echo(comparison_json(comparison))
    else:
        print_comparison(comparison)


@commands.command(
    epilog="Example:\n\n  icd-coder retrieval --bundle BUNDLE --data DATA --split test --against TWIN --out REPORT"
)
def retrieval(
    bundle: Bundle,
    data: Data,
    out: Annotated[Path, typer.Option(help="Report directory to write: retrieval.md, retrieval.json, neighbours.png.")],
    split: Annotated[str, typer.Option(help="dev or test.")] = "dev",
    against: Annotated[
        list[Path] | None, typer.Option(help="Another bundle to compare with, such as a BCE twin; repeatable.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="The raw encoder: minilm, tiny, or a folder. Default: the one in the bundle's card."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the states that training left, read where they fit; default DATA.cache.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of intervals, halves and the random floor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure the neighbours of a bundle on a split, and the coder that they make; no database needed."""
    from model.network.device import resolve_device
    from training.retrieval.evaluate import RetrievalRequest, evaluate_retrieval
    from training.retrieval.terminal import print_retrieval

    others = tuple(against or ())
    request = RetrievalRequest(bundle, data, split, out, others, encoder, cache, resolve_device(device), seed)
    print_retrieval(evaluate_retrieval(request), out)
