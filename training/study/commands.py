"""The verb ``study``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import InvalidOption
from training.flags import from_flags, takes_flags_of
from training.study.recipe import Recipe

study = typer.Typer(help="Compare the losses on a dataset, run by run.", no_args_is_help=True)


@study.callback()
def _study() -> None:
    """Compare the losses on a dataset, run by run."""


@study.command()
@takes_flags_of(Recipe)
def losses(
    data: Annotated[Path, typer.Option(help="Dataset directory of texts or of features.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the study; what it holds already is not run again, new cells are added.")
    ],
    names: Annotated[
        str,
        typer.Option(
            "--losses",
            help="With commas: bce, all, any, mulsupcon, multisupcon, jaccard, jscl, sd (outside, over its weights), "
            "sd-positives, sd-pooled; ablations: sd-similarity, sd-dissimilarity, sd-symmetric, sd-exponential, "
            "sd-root, sd-relative, sd-shuffled; or of your own as module:Class.",
        ),
    ] = "bce,all,any,mulsupcon,multisupcon,jaccard,jscl,sd,sd-positives,sd-pooled",
    temperatures: Annotated[str, typer.Option(help="tau, with commas.")] = "0.07",
    weights: Annotated[str, typer.Option("--lambdas", help="Weights of the contrastive term, with commas.")] = "1",
    scales: Annotated[
        str,
        typer.Option(help="plain, matched (ANY's gradient at the first batch), or both with a comma."),
    ] = "plain",
    seeds: Annotated[int, typer.Option(help="Seeds 1 to this number.")] = 5,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of the report.")] = 2000,
    threads: Annotated[int, typer.Option(help="CPU threads; the numbers are repeated exactly with one.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for the features of texts; default DATA.cache.", show_default=False),
    ] = None,
    **values: Any,
) -> None:
    """Train a small network over frozen features with every loss, and report where they differ.

    Every cell (loss, tau, lambda, scale, seed) is a line of OUT/runs.jsonl; a study that was broken off goes on with
    the same command. report.md and its plots are written anew over all cells in OUT.

    Examples:

      icd-coder study losses --data data/ohsumed --lambdas 0.1,1,10 --out studies/ohsumed

      icd-coder study losses --data data/ohsumed --losses any,sd --temperatures 0.02,0.07,0.5 --out studies/ohsumed
    """
    import torch

    from training.optimise.run_folders import cache_folder
    from training.study.cell import grid
    from training.study.inputs import load_study_data
    from training.study.report import write_report
    from training.study.run_study import run_study

    taus, lambdas = _numbers("--temperatures", temperatures), _numbers("--lambdas", weights)
    cells = grid(_words(names), taus, lambdas, _words(scales), seeds)
    recipe = from_flags(Recipe, values)
    torch.set_num_threads(max(1, threads))
    loaded = load_study_data(data, recipe.encoder, recipe.max_tokens, cache_folder(data, cache))
    ledger = run_study(loaded, recipe, cells, out)
    write_report(ledger, loaded, recipe, resamples)
    typer.echo(f"{len(cells)} cells asked for, {len(ledger.runs)} in the study -> {out / 'report.md'}")


@study.command()
def summary(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `icd-coder study losses` wrote.")],
    out: Annotated[Path, typer.Option(help="Markdown file to write; an old one is replaced.")],
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.")] = 2000,
) -> None:
    """Put several studies side by side: in each, where every form of SD wins, ties and loses.

    Example: icd-coder study summary studies/ohsumed studies/yeast --out studies/summary.md
    """
    from training.study.summary import write_summary

    write_summary(folders, out, resamples)
    typer.echo(f"{len(folders)} studies -> {out}")


def _words(value: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))


def _numbers(flag: str, value: str) -> list[float]:
    try:
        numbers = [float(word) for word in _words(value)]
    except ValueError:
        numbers = []
    if not numbers:
        raise InvalidOption(f"{flag} must be numbers with commas, got '{value}'")
    return numbers
