"""The verb ``study``."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import InvalidOption
from training.flags import from_flags, takes_flags_of
from training.study.fine_tuning import FineTuning
from training.study.recipe import Recipe

study = typer.Typer(help="Compare the losses on a dataset, run by run.", no_args_is_help=True)


@study.callback()
def _study() -> None:
    """Compare the losses on a dataset, run by run."""


@study.command()
@takes_flags_of(Recipe, FineTuning)
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
    protocol: Annotated[
        str, typer.Option(help="With --free-layers: joint, two-stage (of an embedding of the mean), or both.")
    ] = "joint",
    pooling: Annotated[
        str, typer.Option(help="With --free-layers: mean, codes (as `train --pooling`), or both with a comma.")
    ] = "mean",
    minutes: Annotated[
        float, typer.Option(help="Begin no further cell after so many minutes.", show_default=False, min=0)
    ] = math.inf,
    seeds: Annotated[int, typer.Option(help="Seeds 1 to this number.")] = 5,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of the report.")] = 2000,
    threads: Annotated[int, typer.Option(help="CPU threads; the numbers are repeated exactly with one.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for what the frozen layers make of texts; default DATA.cache.", show_default=False),
    ] = None,
    **values: Any,
) -> None:
    """Train a small network over frozen features with every loss, and report where they differ.

    With --free-layers the network is the coder of `train`, and the top layers of its encoder learn too; the states of
    the layers below are computed once.

    Every cell (loss, tau, lambda, scale, protocol, pooling, seed) is a line of OUT/runs.jsonl; a study that was broken
    off, by --minutes or Ctrl-C, goes on with the same command. report.md and its plots are written anew over all cells
    in OUT.

    Examples:

      icd-coder study losses --data data/ohsumed --lambdas 0.1,1,10 --out studies/ohsumed

      icd-coder study losses --data data/codiesp --free-layers 2 --losses bce,sd --minutes 60 --out studies/free

      icd-coder study losses --data data/ohsumed --losses any,sd --temperatures 0.02,0.07,0.5 --out studies/ohsumed
    """
    import torch

    from training.optimise.run_folders import cache_folder
    from training.study.cell import grid
    from training.study.report import write_report
    from training.study.run_study import run_study
    from training.study.trainers import free_layers_trainer, frozen_features_trainer

    taus, lambdas = _numbers("--temperatures", temperatures), _numbers("--lambdas", weights)
    variants = _words(protocol), _words(pooling)
    cells = grid(_words(names), taus, lambdas, _words(scales), seeds, *variants)
    free = bool(values["free_layers"])
    _require_fitting(free, values, variants)
    torch.set_num_threads(max(1, threads))
    folder = cache_folder(data, cache)
    if free:
        recipe = from_flags(FineTuning, values, **_shared(values))
        trainer = free_layers_trainer(data, recipe, [cell.setting for cell in cells], folder, out)
    else:
        trainer = frozen_features_trainer(data, from_flags(Recipe, values), folder)
    ledger = run_study(trainer.data, trainer.recipe, cells, out, trainer.train, minutes)
    write_report(ledger, trainer.data, resamples, None if free else trainer.train)
    typer.echo(f"{len(cells)} cells asked for, {len(ledger.runs)} in the study -> {out / 'report.md'}")


def _require_fitting(free: bool, values: dict[str, Any], variants: tuple[list[str], list[str]]) -> None:
    """Raise InvalidOption for a flag that the network of this study has no use for."""
    given = [
        name
        for name in (("steps", "hidden", "dropout") if free else ("epochs", "encoder_rate"))
        if values[name] is not None
    ]
    if given:
        flag = given[0].replace("_", "-")
        raise InvalidOption(f"--{flag} {'does not go with' if free else 'needs'} --free-layers: leave one of them out")
    if not free and variants != (["joint"], ["mean"]):
        raise InvalidOption("--protocol two-stage and --pooling codes need --free-layers: add it, or leave them out")


def _shared(values: dict[str, Any]) -> dict[str, Any]:
    """The values of the flags that stand for both networks, and the precision of this machine."""
    from model.network.precision import trained_precision

    names = ("encoder", "max_tokens", "batch_size", "learning_rate")
    given = {name: values[name] for name in names if values[name] is not None}
    return given | {"precision": trained_precision("auto", "cpu")}


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
