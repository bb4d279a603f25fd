"""Compares a prepared MIMIC-III with its published statistics, count by count."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidOption
from training.evaluation.frequency_bands import BOUNDS, band_name
from training.verification.dataset_counts import Census, read_census
from training.verification.published import CODELESS, MIMIC3, SOURCE_ROWS, Published

VERSION = "another version than MIMIC-III v1.4, or a table that was cut short"
LISTS = "other id lists than the published ones, or admissions whose summary or codes are missing in the tables"
NUMERIC = "procedure codes were read as numbers somewhere: 0066 became 66; read every column as text"
CODES = (
    "codes dropped or changed on the way: leading zeros, dots, E and V codes, one system missing; or another version"
)
SECOND_TABLE = "DIAGNOSES_ICD or PROCEDURES_ICD is incomplete, or duplicates within an admission were counted"
SPLIT = "the splits have the right size and other admissions in them: compare the id lists"
LEAK = "the id lists, or the SUBJECT_IDs, are of another source: results on this data would be too good"


@dataclass(frozen=True)
class Check:
    """One count beside its published value."""

    name: str
    expected: tuple[float, ...]
    """Published values, each of which is right."""
    found: float
    meaning: str
    """What a difference usually means."""
    decimals: int = 0
    tolerance: float = 0.0
    unit: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the rounded count is one of the published ones, or as near as the tolerance."""
        return any(abs(round(self.found, self.decimals) - value) <= self.tolerance + 1e-9 for value in self.expected)


@dataclass(frozen=True)
class Verification:
    """All checks of a dataset, and remarks on checks that were left out."""

    labels: str
    published_splits: bool
    checks: tuple[Check, ...]
    remarks: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return all(check.agrees for check in self.checks)


def verify_mimic3(data: Path, published: dict[str, Published] | None = None) -> Verification:
    """Compare every count of a dataset directory with the published ones of its label set.

    Args:
        published: by label set; MIMIC3 when None.

    Raises:
        InvalidOption: the dataset is not of MIMIC-III, or of a label set without published statistics.
        MissingInput, MalformedInput: see read_census.
    """
    known = MIMIC3 if published is None else published
    census = read_census(data)
    options = census.manifest.get("options", {})
    if options.get("source") != "mimic3":
        raise InvalidOption(
            f"'{data}' was prepared from '{options.get('source')}', not by `icd-coder prepare mimic3`: "
            "published statistics are known for MIMIC-III only"
        )
    labels = str(options.get("labels"))
    if labels not in known:
        raise InvalidOption(
            f"'{data}' has the label set '{labels}', published statistics are known for {', '.join(known)}"
        )
    lists = str(options.get("splits", "")).startswith("published")
    expected = known[labels]
    checks = [*_source(census), *_sizes(census, expected, lists), *_codes(census, expected)]
    if lists:
        checks += _by_split(census, expected)
    checks.append(Check("patients in two splits", (0,), census.patients_in_two_splits, LEAK))
    return Verification(labels, lists, tuple(checks), tuple(_remarks(labels, expected, lists)))


def _source(census: Census) -> Iterator[Check]:
    rows = {row["step"]: row["rows"] for row in census.manifest.get("rows", [])}
    for step, expected in SOURCE_ROWS.items():
        if step in rows:
            meaning = "only reports were kept, or addenda are missing" if "Discharge" in step else VERSION
            yield Check(step, (expected,), rows[step], meaning)


def _sizes(census: Census, expected: Published, lists: bool) -> Iterator[Check]:
    if lists:
        for split, sizes in expected.documents.items():
            yield Check(f"documents, {split}", sizes, census.documents(split), LISTS)
    if lists or not expected.splits_only:
        together = sum(sizes[0] for sizes in expected.documents.values())
        fewer = sum(sizes[-1] for sizes in expected.documents.values())
        yield Check("documents", (together, fewer), census.documents(), LISTS)
    if expected.assignments is not None:
        yield Check("assignments", (expected.assignments,), census.pair_codes.size, SECOND_TABLE)
    if "all" in expected.means:
        mean = _mean(census)
        yield Check("codes a document", (expected.means["all"],), mean, SECOND_TABLE, decimals=2)


def _codes(census: Census, expected: Published) -> Iterator[Check]:
    systems = np.array(census.systems, dtype=object)
    for system, codes in expected.codes.items():
        if system != "all":
            meaning = NUMERIC if system == "icd9pcs" else CODES
            yield Check(f"codes, {system}", (codes,), int((systems == system).sum()), meaning)
    yield Check("codes", (sum(expected.codes.values()),), len(census.codes), CODES)
    zero = np.array(
        [system == "icd9pcs" and code[0] == "0" for system, code in zip(census.systems, census.codes, strict=True)],
        dtype=bool,
    )
    if expected.leading_zero_codes is not None:
        yield Check("procedure codes that begin with 0", (expected.leading_zero_codes,), int(zero.sum()), NUMERIC)
    if expected.leading_zero_assignments is not None:
        found = int(census.counts()[zero].sum())
        yield Check("assignments of these", (expected.leading_zero_assignments,), found, NUMERIC)


def _by_split(census: Census, expected: Published) -> Iterator[Check]:
    train, test = census.counts("train"), census.counts("test")
    for split, mean in expected.means.items():
        if split != "all":
            yield Check(f"codes a document, {split}", (mean,), _mean(census, split), SPLIT, decimals=1)
    for split, present in expected.present.items():
        yield Check(f"codes present, {split}", (present,), int((census.counts(split) > 0).sum()), SPLIT)
    if expected.unseen_in_test is not None:
        found = int(((test > 0) & (train == 0)).sum())
        yield Check("test codes never in train", (expected.unseen_in_test,), found, SPLIT)
    if expected.bands is not None:
        for (low, high), codes in zip(BOUNDS, expected.bands, strict=True):
            inside = (train >= low) & (train <= (np.inf if high is None else high))
            yield Check(f"codes with {band_name(low, high)} training documents", (codes,), int(inside.sum()), SPLIT)
    if expected.frequent_share is not None:
        share = _percent(census.counts()[train > 500].sum(), census.pair_codes.size)
        yield Check("share of the last band", (expected.frequent_share,), share, SPLIT, 1, 0.5, "%")
    if expected.top_50_share is not None:
        top = np.argsort(-train, kind="stable")[:50]
        share = _percent(test[top].sum(), test.sum())
        yield Check("share of the top 50 codes in test", (expected.top_50_share,), share, SPLIT, 0, 1.0, "%")


def _remarks(labels: str, expected: Published, lists: bool) -> Iterator[str]:
    if not lists:
        yield "the split is seeded: counts by split were not compared; prepare with --splits to compare them"
    if not lists and expected.splits_only:
        yield f"the published lists choose the documents of label set {labels}: their number was not compared"
    if any(len(sizes) > 1 for sizes in expected.documents.values()):
        yield f"{CODELESS} training admissions of CAML's lists have no code: with or without them is right"


def _mean(census: Census, *splits: str) -> float:
    documents = census.documents(*splits)
    return float(census.counts(*splits).sum() / documents) if documents else 0.0


def _percent(part: int, whole: int) -> float:
    return float(100 * part / whole) if whole else 0.0
