"""Two reports on the same documents, side by side: differences with paired bootstrap intervals over documents."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import InvalidOption, LabelSpaceMismatch, MalformedInput, MissingInput
from training.evaluation.bootstrap import Interval, paired_difference, paired_micro_difference
from training.evaluation.per_document import FILE, RANKED
from training.evaluation.populations import POPULATIONS
from training.evaluation.report import FORMAT

SELECTED = ("micro_f1", "micro_precision", "micro_recall", "jaccard", "exact_match")


@dataclass(frozen=True)
class Difference:
    """A metric of both reports in one population."""

    metric: str
    population: str
    first: float
    second: float
    difference: Interval
    """First minus second."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True)
class ReportComparison:
    """All differences of two reports."""

    first: str
    second: str
    data: str
    split: str
    documents: int
    differences: tuple[Difference, ...]


def compare_reports(first: Path, second: Path, seed: int = 0) -> ReportComparison:
    """Compare two report directories metric by metric.

    Args:
        seed: of the bootstrap; both reports see the same resamples.

    Raises:
        MissingInput, MalformedInput: a directory is no report, or one without its documents.
        InvalidOption: the reports are about different splits.
        LabelSpaceMismatch: the documents, their codes or the label space differ.
    """
    ours, theirs = _read(first), _read(second)
    _require_same(ours, theirs)
    differences = [
        difference
        for population in POPULATIONS
        for difference in (*_ranked(ours, theirs, population, seed), *_selected(ours, theirs, population, seed))
    ]
    return ReportComparison(
        first.name, second.name, ours.report["data"], ours.report["split"], ours.size, tuple(differences)
    )


@dataclass(frozen=True)
class _Report:
    path: Path
    report: dict[str, Any]
    columns: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        return int(self.columns["assigned"].size)


def _read(path: Path) -> _Report:
    file = path / "report.json"
    if not file.is_file():
        raise MissingInput(
            f"'{path}' is no report directory (report.json is missing): make one with `icd-coder evaluate`"
        )
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MalformedInput(f"'{file}' is no JSON: evaluate again") from error
    if not isinstance(report, dict):
        raise MalformedInput(f"'{file}' holds no JSON object: evaluate again")
    if report.get("format") != FORMAT or not report.get("documents_fingerprint") or not (path / FILE).is_file():
        raise MalformedInput(
            f"'{path}' holds no measures by document ({FILE} and their fingerprint): evaluate again with this version"
        )
    try:
        table = pq.read_table(path / FILE)
        names = [f"{name}_{population}" for population in POPULATIONS for name in ("selected", "true", *RANKED)]
        columns = {name: table[name].to_numpy() for name in ("assigned", *names)}
    except (OSError, KeyError, pa.ArrowException) as error:
        raise MalformedInput(f"'{path / FILE}' cannot be read: evaluate again") from error
    return _Report(path, report, columns)


def _require_same(ours: _Report, theirs: _Report) -> None:
    mine, other = ours.report["split"], theirs.report["split"]
    if mine != other:
        raise InvalidOption(
            f"'{ours.path}' is about the split '{mine}' and '{theirs.path}' about '{other}': "
            "evaluate both on one --split"
        )
    if ours.report["documents_fingerprint"] != theirs.report["documents_fingerprint"] or ours.size != theirs.size:
        raise LabelSpaceMismatch(
            f"'{ours.path}' (data '{ours.report['data']}', {ours.size} documents) and '{theirs.path}' "
            f"('{theirs.report['data']}', {theirs.size}) judge other documents, assigned codes or label spaces: "
            "evaluate both on one dataset directory"
        )


def _ranked(ours: _Report, theirs: _Report, population: str, seed: int) -> Iterator[Difference]:
    for metric in RANKED:
        first, second = (report.columns[f"{metric}_{population}"] for report in (ours, theirs))
        known = ~np.isnan(first.astype(np.float64))
        yield from _of_means(metric, population, first[known], second[known], seed)


def _selected(ours: _Report, theirs: _Report, population: str, seed: int) -> Iterator[Difference]:
    counts = [
        tuple(report.columns[name] for name in (f"true_{population}", f"selected_{population}", "assigned"))
        for report in (ours, theirs)
    ]
    for metric in SELECTED[:3]:
        parts = [_fraction(metric, *of) for of in counts]
        interval = paired_micro_difference(*parts[0], *parts[1], seed=seed)
        if interval is not None:
            first, second = (float(_share(part.sum(), whole.sum())) for part, whole in parts)
            yield Difference(metric, population, first, second, interval)
    union = [selected + assigned - true for true, selected, assigned in counts]
    jaccard = [np.where(u == 0, 1.0, of[0] / np.maximum(u, 1)) for of, u in zip(counts, union, strict=True)]
    exact = [((selected == true) & (assigned == true)).astype(float) for true, selected, assigned in counts]
    yield from _of_means("jaccard", population, jaccard[0], jaccard[1], seed)
    yield from _of_means("exact_match", population, exact[0], exact[1], seed)


def _of_means(metric: str, population: str, first: np.ndarray, second: np.ndarray, seed: int) -> Iterator[Difference]:
    interval = paired_difference(first, second, seed=seed)
    if interval is not None:
        yield Difference(metric, population, float(first.mean()), float(second.mean()), interval)


def _fraction(
    metric: str, true: np.ndarray, selected: np.ndarray, assigned: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A micro metric as sums over documents: part and whole."""
    if metric == "micro_f1":
        return 2 * true, selected + assigned
    return true, selected if metric == "micro_precision" else assigned


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
