"""Steps that MIMIC-III and MIMIC-IV share: from codes and summaries to documents with a split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.dataset import Document
from model.errors import EmptyDataset, MalformedInput
from model.icd import Code
from training.prepare.dataset_directory import Record, SourcedDocument
from training.prepare.mimic_codes import Admission, Coded
from training.prepare.mimic_notes import Summaries
from training.prepare.splits import PublishedSplits, require_patients_apart
from training.prepare.stratified_splits import stratified_splits


@dataclass(frozen=True)
class Splitting:
    """How to split: by published lists, or seeded by patient."""

    published: PublishedSplits | None
    seed: int
    dev_share: float
    test_share: float

    def options(self) -> dict[str, Any]:
        """For the manifest."""
        if self.published:
            return {"splits": f"published, {self.published.form} form", "published_sizes": self.published.sizes}
        shares = {"dev_share": self.dev_share, "test_share": self.test_share}
        return {"splits": "by patient, stratified by code", "seed": self.seed} | shares

    @property
    def files(self) -> list[Path]:
        return list(self.published.files) if self.published else []


def with_text(coded: Mapping[Admission, tuple[Code, ...]], summaries: Summaries, record: Record) -> Coded:
    """The codes of the admissions with a discharge summary, sorted by admission.

    Raises:
        EmptyDataset: there is none.
    """
    admissions = summaries.admissions
    record.count("admissions with a discharge summary", len(admissions))
    kept = {admission: coded[admission] for admission in admissions if admission in coded}
    record.count("admissions with a discharge summary and a code", len(kept))
    record.count("admissions dropped: no code", len(admissions) - len(kept))
    record.count("admissions dropped: no discharge summary", len(coded) - len(kept))
    if not kept:
        raise EmptyDataset(
            f"no admission has both a discharge summary ({len(admissions):,} have) and a code "
            f"({len(coded):,} have): "
            "check that the tables are of one version of MIMIC"
        )
    return kept


def split_admissions(coded: Coded, splitting: Splitting, record: Record) -> dict[Admission, str]:
    """Split of every admission that gets one; no patient in two splits.

    Raises:
        MalformedInput: the published lists match no admission, or put a patient in two splits.
    """
    if splitting.published:
        split_of = _published(coded, splitting.published, record)
        where = f"the lists {_names(splitting.published)}"
    else:
        by_patient = stratified_splits(
            ((str(subject), codes) for (subject, _), codes in coded.items()),
            splitting.seed,
            splitting.dev_share,
            splitting.test_share,
        )
        split_of = {admission: by_patient[str(admission[0])] for admission in coded}
        where = "the seeded split"
    require_patients_apart(((str(subject), split) for (subject, _), split in split_of.items()), where)
    return split_of


def documents_of(summaries: Summaries, coded: Coded, split_of: Mapping[Admission, str]) -> Iterator[Document]:
    """One document an admission, in the order of ``split_of``."""
    for admission, split in split_of.items():
        subject, number = admission
        yield SourcedDocument(
            str(number),
            str(subject),
            split,
            summaries.text(admission),
            coded[admission],
            summaries.source_rows(admission),
        )


def _published(coded: Coded, published: PublishedSplits, record: Record) -> dict[Admission, str]:
    ids = published.split_of
    split_of = {admission: ids[admission[1]] for admission in coded if admission[1] in ids}
    record.count("admissions in the published lists", len(ids))
    record.count("admissions in the published lists without a document", len(ids) - len(split_of))
    record.count("admissions dropped: in no published list", len(coded) - len(split_of))
    if not split_of:
        raise MalformedInput(
            f"the lists {_names(published)} match no admission (they begin with {next(iter(ids), 'nothing')}, the data "
            f"with {next(iter(coded))[1]}): check that both are of one edition of MIMIC, or leave --splits out"
        )
    return split_of


def _names(published: PublishedSplits) -> str:
    return ", ".join(f"'{path}'" for path in published.files)
