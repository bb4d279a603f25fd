"""The verb ``evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import InvalidOption

EVALUATE_EXAMPLES = """
Examples:

  icd-coder evaluate --bundle BUNDLE --data DATA --split test --baselines --out REPORT

  icd-coder evaluate --bundle BUNDLE --data DATA --split dev --explanations 20 --out REPORT

  icd-coder evaluate --scores test.npy --tune-on dev.npy --data DATA --split test --out REPORT

A file of scores is a .npy (documents, codes) in the order of documents.parquet and labels.parquet, or a .parquet with
document_id and a float column SYSTEM:CODE, such as icd9cm:428.0, for every code, in any order.
"""


def evaluate(
    data: Annotated[Path, typer.Option(help="Dataset directory, made by `icd-coder prepare`.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Report directory to write: report.md, report.json, plots/, documents.parquet and scores.npy."
        ),
    ],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle directory, made by `icd-coder train`.", show_default=False)
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Instead of a bundle: scores of any model for the split.", show_default=False),
    ] = None,
    split: Annotated[str, typer.Option(help="dev or test.")] = "dev",
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Add the label prior and TF-IDF neighbours, with intervals.")
    ] = False,
    tune_on: Annotated[
        Path | None,
        typer.Option(
            help="With --scores: the same model's scores of dev, to tune the threshold on.", show_default=False
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="With --scores: select codes above this score.", show_default=False)
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="How --tune-on tunes: global (best micro-F1), per-code (best F1 of each, rare codes shrunk to the "
            "global value) or precision (the lowest value with --target-precision)."
        ),
    ] = "global",
    target_precision: Annotated[
        float | None, typer.Option(help="Micro precision that --policy precision reaches on dev.", show_default=False)
    ] = None,
    explanations: Annotated[
        int,
        typer.Option(
            help="Notes, drawn from the split, whose explanations are measured too: faithfulness of attention and "
            "AttInGrad, and agreement with annotated spans. 0: none. About a minute a note on one core.",
            min=0,
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw for --explanations.")] = 0,
    ranker: Annotated[
        bool, typer.Option(help="Judge the bundle's ranker, or the classifier alone, as papers on classifiers do.")
    ] = True,
    neighbours: Annotated[
        bool,
        typer.Option(
            "--neighbours",
            help="Let the bundle's ranker hear the nearest training notes, as a service with a database does.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of a bundle: auto (what it was made for), fp32, bf16 or int8.")
    ] = "auto",
) -> None:
    """Measure a bundle, or the scores of any model, on a split: report, plots and, on request, the baselines."""
    from model.network.device import resolve_device
    from training.evaluation.explanations import ExplainedSample
    from training.evaluation.report_table import print_report
    from training.run.evaluate import ThresholdChoice, evaluate_bundle, evaluate_stored

    choice = ThresholdChoice(threshold, tune_on, policy, target_precision)
    if bundle is not None and scores is None:
        if choice != ThresholdChoice():
            raise InvalidOption(
                "--threshold, --tune-on, --policy and --target-precision go with --scores: leave them out"
            )
        explained = ExplainedSample(explanations, seed) if explanations else None
        device = resolve_device(device)
        report = evaluate_bundle(bundle, data, split, out, baselines, device, precision, explained, neighbours, ranker)
    elif scores is not None and bundle is None:
        if explanations:
            raise InvalidOption("--explanations needs a --bundle: stored scores explain nothing")
        if neighbours:
            raise InvalidOption("--neighbours needs a --bundle: stored scores hear nothing more")
        report = evaluate_stored(scores, data, split, out, choice, baselines)
    else:
        raise InvalidOption("name what to evaluate: either --bundle BUNDLE or --scores FILE")
    print_report(report, out)
