"""Writes the retrieval report: retrieval.json, retrieval.md and a plot."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import staged_directory
from training.evaluation.bootstrap import mean_interval, paired_difference
from training.retrieval.coders import CoderResult
from training.retrieval.markdown import retrieval_markdown
from training.retrieval.measures import RARE, K, Measures

FORMAT = "icd-coder retrieval 1"
TITLES = {"jaccard": "label Jaccard@10", "ndcg": "nDCG@10", "rare_recall": "recall of rare codes@10"}


@dataclass(frozen=True)
class RetrievalSubject:
    """What was evaluated."""

    data: str
    split: str
    bundle: str
    """Name of the system that the others are compared with."""
    bundle_id: str
    encoder: str
    training_documents: int
    documents: int
    documents_with_codes: int
    rare_codes: int
    """Codes with 1 to RARE training documents."""
    tuned_on: str
    """Documents that k, sharpness, blend weight and thresholds were tuned on."""
    seed: int


def write_retrieval_report(
    directory: Path,
    subject: RetrievalSubject,
    measures: Mapping[str, Measures],
    coders: Sequence[CoderResult] | None,
) -> dict[str, Any]:
    """Write the report directory and return what retrieval.json holds.

    Args:
        measures: of every system on the same documents; ``subject.bundle`` is one of them.
        coders: None where nothing could be tuned.

    Raises:
        OutputExists, UnwritableOutput: see staged_directory.
    """
    report = {
        "format": FORMAT,
        **asdict(subject),
        "k": K,
        "rare": RARE,
        "systems": [_system(name, found, measures[subject.bundle], subject) for name, found in measures.items()],
        "coders": None if coders is None else [asdict(coder) for coder in coders],
    }
    with staged_directory(directory) as staging:
        text = json.dumps(report, indent=2, allow_nan=False) + "\n"
        (staging / "retrieval.json").write_text(text, encoding="utf-8")
        (staging / "retrieval.md").write_text(retrieval_markdown(report), encoding="utf-8")
        plot_measures(staging / "neighbours.png", report["systems"])
    return report


def _system(name: str, found: Measures, reference: Measures, subject: RetrievalSubject) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for measure in TITLES:
        theirs, ours = getattr(found, measure), getattr(reference, measure)
        defined = ~np.isnan(theirs)  # the same documents for every system
        interval = mean_interval(theirs[defined], seed=subject.seed)
        difference = paired_difference(ours[defined], theirs[defined], seed=subject.seed)
        values[measure] = {
            "documents": int(defined.sum()),
            "interval": None if interval is None else asdict(interval),
            "bundle_minus_this": None if name == subject.bundle or difference is None else asdict(difference),
        }
    return {"name": name, **values}


def plot_measures(path: Path, systems: Sequence[Mapping[str, Any]]) -> None:
    """One panel a measure, one bar a system with its 95% interval; a measure over no document has no bars."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.5 + 0.45 * len(systems)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    places = np.arange(len(systems))[::-1]
    for axes, (measure, title) in zip(figure.subplots(1, len(TITLES), sharey=True), TITLES.items(), strict=True):
        found = [system[measure]["interval"] for system in systems]
        values = np.array([interval["value"] if interval else 0.0 for interval in found])
        low = np.array([interval["low"] if interval else 0.0 for interval in found])
        high = np.array([interval["high"] if interval else 0.0 for interval in found])
        errors = np.maximum([values - low, high - values], 0.0)
        axes.barh(places, values, xerr=errors, color=["C0", *["C7"] * (len(systems) - 1)], capsize=3)
        axes.set_yticks(places, [system["name"] for system in systems])
        axes.set(title=f"{title}\n{systems[0][measure]['documents']} documents")
    figure.savefig(path)
