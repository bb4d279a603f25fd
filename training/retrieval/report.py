"""retrieval.json, retrieval.md and a plot: how good the neighbours are, and the coder that they make."""

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
from training.retrieval.plot import plot_measures

FORMAT = "icd-coder retrieval 1"
MEASURES = ("jaccard", "ndcg", "rare_recall")


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
    """Where k, sharpness, blend weight and thresholds come from."""
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
    for measure in MEASURES:
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
