"""Judge a bundle, or the stored scores of any model, on a split, beside the baselines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import require_free
from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Dataset, Documents, load_dataset
from model.errors import InvalidOption
from model.private_files import make_folder
from model.progress import with_progress
from model.ranking.thresholds import GLOBAL, policy_named
from training.evaluation.codiesp_run_file import run_lines
from training.evaluation.explanations import ExplainedSample, evaluate_explanations, require_explainable
from training.evaluation.label_space import codes_outside, require_same_labels
from training.evaluation.report import ReportSubject, write_report
from training.evaluation.scores_file import read_scores
from training.evaluation.stream import ScoreStream
from training.evaluation.threshold_tuning import TunedThreshold, tune
from training.prepare.source_files import hashed
from training.run.baselines import TUNING_SPLIT, measured_baselines
from training.run.training_neighbours import TrainingNeighbours


@dataclass(frozen=True)
class ThresholdChoice:
    """Where the threshold of stored scores comes from: a number, or scores of the dev split to tune it on."""

    value: float | None = None
    tune_on: Path | None = None
    policy: str = "global"
    target_precision: float | None = None


def evaluate_bundle(
    bundle: Path,
    data: Path,
    split: str,
    out: Path,
    baselines: bool = False,
    device: str = "cpu",
    precision: str = "auto",
    explained: ExplainedSample | None = None,
    neighbours: bool = False,
    ranker: bool = True,
) -> dict[str, Any]:
    """Score every document of the split, write the report directory, and return report.json's content.

    Args:
        explained: also measure the explanations of some of the documents.
        ranker: judge the bundle's ranker where it has one; False for the classifier alone.
        neighbours: let a ranker hear the most similar training notes, as a service with a database does.

    Raises:
        InvalidOption: explanations of an encoder in int8, or neighbours for a bundle whose ranker hears none.
        LabelSpaceMismatch: the bundle answers with other codes than the dataset has.
        EmptyDataset: the split has no document.
    """
    require_free(out)
    dataset = load_dataset(data)
    documents = dataset.require(split)
    coder = load_bundle(bundle, device, precision, with_ranker=ranker)
    require_same_labels(coder, dataset, bundle)
    if explained is not None:
        require_explainable(coder)
    if neighbours and not coder.uses_neighbours:
        raise InvalidOption(
            f"'{bundle}' has no ranker to listen to neighbours, or --no-ranker is given: leave --neighbours out"
        )
    subject = ReportSubject(
        data=data.name,
        split=split,
        bundle_id=coder.bundle_id,
        threshold_source=f"{coder.threshold.policy}, best micro-F1 on {coder.threshold.tuned_on}",
        precision=coder.precision,
        ranking=_ranking(coder, neighbours, split),
    )
    voters = TrainingNeighbours(coder, dataset) if neighbours else None
    threshold = _threshold(coder, neighbours)
    lines: list[str] = []
    make_folder(out.parent)
    with ScoreStream(len(dataset.labels), out.parent) as stream:
        for document in with_progress(documents, "notes", len(documents), "note"):
            ranked = coder.ranked(document.text, None if voters is None else voters.of(document))
            lines += run_lines(document.document_id, ranked.columns.tolist(), coder.codes)
            stream.add(coder.of_label_space(ranked)[None], [dataset.labels.columns(document.codes)])
        explanations = None if explained is None else evaluate_explanations(coder, documents, explained)
        return _report(out, subject, stream.scores, dataset, documents, threshold, baselines, explanations, lines)


def evaluate_stored(
    scores: Path, data: Path, split: str, out: Path, choice: ThresholdChoice, baselines: bool = False
) -> dict[str, Any]:
    """Judge the scores of any model by the same code; the file's formats are those of read_scores.

    Raises:
        InvalidOption: neither a threshold nor scores to tune it on, or both.
        MissingInput, MalformedInput, LabelSpaceMismatch: see read_scores.
        EmptyDataset: the split, or dev when tuning, has no document.
    """
    require_free(out)
    if (choice.value is None) == (choice.tune_on is None):
        raise InvalidOption("--scores needs either --threshold NUMBER, or --tune-on FILE with the scores of dev")
    if choice.tune_on is None and (choice.policy != "global" or choice.target_precision is not None):
        raise InvalidOption(
            "--policy and --target-precision choose how --tune-on tunes: leave them out, or --threshold"
        )
    dataset = load_dataset(data)
    documents = dataset.require(split)
    matrix = read_scores(scores, documents.ids, dataset.labels, split)
    threshold, source = _chosen_threshold(dataset, choice)
    subject = ReportSubject(
        data.name, split, None, source, scores_file=f"{scores.name}, SHA-256 {hashed(scores)['sha256'][:12]}"
    )
    return _report(out, subject, matrix, dataset, documents, threshold, baselines)


def _ranking(coder: Coder, neighbours: bool, split: str) -> str | None:
    """How the scores came to be, for the report."""
    if coder.ranker is None:
        return None
    heard = "with the nearest training notes" if neighbours else "without neighbours"
    own = " (fitted on this split, so its figures flatter)" if split == coder.threshold.tuned_on else ""
    return f"the bundle's ranker, {heard}{own}"


def _threshold(coder: Coder, neighbours: bool) -> float:
    """The global threshold of the fusion that answers."""
    if neighbours and coder.ranker is not None and coder.ranker.with_neighbours is not None:
        return policy_named(coder.ranker.with_neighbours.policies, GLOBAL).everywhere
    return coder.threshold.value


def _report(
    out: Path,
    subject: ReportSubject,
    scores: np.ndarray,
    dataset: Dataset,
    documents: Documents,
    threshold: float | np.ndarray,
    baselines: bool,
    explanations: dict[str, Any] | None = None,
    run: list[str] | None = None,
) -> dict[str, Any]:
    return write_report(
        out,
        subject,
        scores,
        dataset.rows(documents),
        dataset.labels,
        threshold,
        codes_outside(dataset, documents),
        measured_baselines(dataset, subject.split, documents) if baselines else None,
        document_ids=documents.ids,
        num_training=len(dataset.documents("train")),
        explanations=explanations,
        run=run,
    )


def _chosen_threshold(dataset: Dataset, choice: ThresholdChoice) -> tuple[float | np.ndarray, str]:
    if choice.tune_on is None:
        assert choice.value is not None  # noqa: S101 - evaluate_stored has seen to it
        return choice.value, "given"
    dev = dataset.require(TUNING_SPLIT)
    scores = read_scores(choice.tune_on, dev.ids, dataset.labels, TUNING_SPLIT)
    tuned: TunedThreshold = tune(
        choice.policy, scores, dataset.rows(dev), codes_outside(dataset, dev), choice.target_precision
    )
    return tuned.value, f"{tuned.description} on {TUNING_SPLIT}"
