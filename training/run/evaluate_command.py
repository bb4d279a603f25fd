"""The verb ``evaluate``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from model.errors import InvalidOption
from training.flags import Flag, from_flags, takes_flags_of

EVALUATE_EXAMPLES = """
Examples:

  icd-coder evaluate --bundle BUNDLE --data DATA --split test --baselines --out REPORT

  icd-coder evaluate --bundle BUNDLE --data DATA --split dev --explanations 20 --out REPORT

  icd-coder evaluate --scores test.npy --tune-on dev.npy --data DATA --split test --out REPORT

A file of scores is a .npy (documents, codes) in the order of documents.parquet and labels.parquet, or a .parquet with
document_id and a float column SYSTEM:CODE, such as icd9cm:428.0, for every code, in any order.
"""


@dataclass(frozen=True)
class EvaluationFlags:
    """What to evaluate, a bundle or a file of scores, and how."""

    data: Annotated[Path, Flag("Dataset directory, made by `icd-coder prepare`.")]
    out: Annotated[
        Path, Flag("Report directory to write: report.md, report.json, plots/, documents.parquet and scores.npy.")
    ]
    bundle: Annotated[Path | None, Flag("Bundle directory, made by `icd-coder train`.")] = None
    scores: Annotated[Path | None, Flag("Instead of a bundle: scores of any model for the split.")] = None
    split: Annotated[str, Flag("dev or test.")] = "dev"
    baselines: Annotated[
        bool, Flag("Add the label prior, TF-IDF neighbours and a linear model, with intervals.", "--baselines")
    ] = False
    tune_on: Annotated[
        Path | None, Flag("With --scores: the same model's scores of dev, to tune the threshold on.")
    ] = None
    threshold: Annotated[float | None, Flag("With --scores: select codes above this score.")] = None
    policy: Annotated[
        str,
        Flag(
            "How --tune-on tunes: global (best micro-F1), per-code (best F1 of each, rare codes shrunk to the "
            "global value) or precision (the lowest value with --target-precision)."
        ),
    ] = "global"
    target_precision: Annotated[float | None, Flag("Micro precision that --policy precision reaches on dev.")] = None
    explanations: Annotated[
        int,
        Flag(
            "Notes, drawn from the split, whose explanations are measured too: faithfulness of attention and "
            "AttInGrad, and agreement with annotated spans. 0: none. About a minute a note on one core.",
            low=0,
        ),
    ] = 0
    seed: Annotated[int, Flag("Of the draw for --explanations.")] = 0
    ranker: Annotated[
        bool, Flag("Judge the bundle's ranker, or the classifier alone, as papers on classifiers do.")
    ] = True
    neighbours: Annotated[
        bool,
        Flag(
            "Let the bundle's ranker hear the nearest training notes, as a service with a database does.",
            "--neighbours",
        ),
    ] = False
    device: Annotated[str, Flag("auto, cpu or cuda.")] = "auto"
    precision: Annotated[str, Flag("Of a bundle: auto (what it was made for), fp32, bf16 or int8.")] = "auto"


@takes_flags_of(EvaluationFlags)
def evaluate(**values: Any) -> None:
    """Measure a bundle, or the scores of any model, on a split: report, plots and, on request, the baselines."""
    from training.evaluation.report_table import print_report

    flags = from_flags(EvaluationFlags, values)
    if (flags.bundle is None) == (flags.scores is None):
        raise InvalidOption("name what to evaluate: either --bundle BUNDLE or --scores FILE")
    print_report(_of_bundle(flags) if flags.scores is None else _of_scores(flags), flags.out)


def _of_bundle(flags: EvaluationFlags) -> dict[str, Any]:
    from model.network.device import resolve_device
    from training.evaluation.explanations import ExplainedSample
    from training.run.evaluate import evaluate_bundle

    assert flags.bundle is not None  # noqa: S101 - evaluate has seen to it
    if (flags.threshold, flags.tune_on, flags.policy, flags.target_precision) != (None, None, "global", None):
        raise InvalidOption("--threshold, --tune-on, --policy and --target-precision go with --scores: leave them out")
    return evaluate_bundle(
        flags.bundle,
        flags.data,
        flags.split,
        flags.out,
        flags.baselines,
        resolve_device(flags.device),
        flags.precision,
        ExplainedSample(flags.explanations, flags.seed) if flags.explanations else None,
        flags.neighbours,
        flags.ranker,
    )


def _of_scores(flags: EvaluationFlags) -> dict[str, Any]:
    from training.run.evaluate import ThresholdChoice, evaluate_stored

    assert flags.scores is not None  # noqa: S101 - evaluate has seen to it
    if flags.explanations:
        raise InvalidOption("--explanations needs a --bundle: stored scores explain nothing")
    if flags.neighbours:
        raise InvalidOption("--neighbours needs a --bundle: stored scores take no neighbours")
    choice = ThresholdChoice(flags.threshold, flags.tune_on, flags.policy, flags.target_precision)
    return evaluate_stored(flags.scores, flags.data, flags.split, flags.out, choice, flags.baselines)
