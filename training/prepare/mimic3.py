"""MIMIC-III v1.4 to a dataset directory, by the published protocol (Mullenbach 2018, Edin 2023)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from model.dataset import Document
from model.errors import EmptyDataset, InvalidOption, MalformedInput
from model.icd import ICD9CM, ICD9PCS
from model.progress import with_progress
from model.staging import require_free
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.known_titles import titles_for
from training.prepare.mimic3_codes import (
    Admission,
    Coded,
    CodeTable,
    keep_clean,
    keep_frequent,
    keep_listed,
    read_codes,
    read_titles,
)
from training.prepare.mimic3_notes import Summaries, read_summaries
from training.prepare.mimic3_tables import Mimic3Tables, find_tables, read_table
from training.prepare.source_files import hashed
from training.prepare.splits import (
    PublishedSplits,
    read_published,
    require_patients_apart,
    require_shares,
    seeded_splits,
)


def prepare_mimic3(
    source: Path,
    out: Path,
    *,
    splits: Path | None = None,
    labels: str = "full",
    label_list: Path | None = None,
    seed: int = 0,
    dev_share: float = 0.1,
    test_share: float = 0.1,
    show: Callable[[str], None],
) -> Written:
    """Write the dataset directory of the admissions that have a discharge summary and a code.

    Args:
        source: folder with NOTEEVENTS, DIAGNOSES_ICD, PROCEDURES_ICD and the D_ICD tables, .csv or .csv.gz.
        splits: folder with published id lists; without it a seeded split by patient.
        labels: "full"; "clean": codes of at least 10 admissions; "50": the codes of ``label_list``, or the 50
            most frequent.
        show: takes the lines of the overview when there is no text to prepare.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    require_free(out)
    require_shares(dev_share, test_share)
    if label_list is not None and labels != "50":
        raise InvalidOption(f"--label-list is for --labels 50, not for --labels {labels}: leave one of them out")
    tables = find_tables(source)
    published = read_published(splits, labels) if splits else None
    record = Record(_options(labels, label_list, published, seed, dev_share, test_share))
    coded, overview = read_codes(tables, record)
    with read_summaries(tables.notes, out, record) as summaries:
        if summaries.note_rows == 0:
            raise _no_notes(tables, overview, show)
        chosen = _label_set(_with_text(coded, summaries, record), labels, label_list, record)
        split_of = _split_of(chosen, published, splits, record, (seed, dev_share, test_share))
        inputs = [*tables.paths, *(published.files if published else ()), *filter(None, [label_list])]
        record.source.extend(map(hashed, with_progress(inputs, "hash inputs", len(inputs), "file")))
        titles = titles_for((ICD9CM, ICD9PCS), read_titles(tables))
        documents = with_progress(_documents(summaries, chosen, split_of), "write", len(split_of), "document")
        return write_dataset(out, documents, titles, record)


def _options(
    labels: str,
    label_list: Path | None,
    published: PublishedSplits | None,
    seed: int,
    dev_share: float,
    test_share: float,
) -> dict[str, Any]:
    options: dict[str, Any] = {"source": "mimic3", "labels": labels}
    if labels == "50":
        options["label_list"] = label_list.name if label_list else "the 50 most frequent codes"
    if published:
        return options | {"splits": f"published, {published.form} form", "published_sizes": published.sizes}
    return options | {"splits": "by patient", "seed": seed, "dev_share": dev_share, "test_share": test_share}


def _with_text(coded: Coded, summaries: Summaries, record: Record) -> Coded:
    admissions = summaries.admissions
    record.count("admissions with a discharge summary", len(admissions))
    kept = {admission: coded[admission] for admission in admissions if admission in coded}
    record.count("admissions with a discharge summary and a code", len(kept))
    if not kept:
        raise EmptyDataset(
            f"no admission has both a discharge summary ({len(admissions):,} have) and a code "
            f"({len(coded):,} have): "
            "check that the tables are of one MIMIC-III version"
        )
    return kept


def _label_set(coded: Coded, labels: str, label_list: Path | None, record: Record) -> Coded:
    if labels == "clean":
        kept = keep_clean(coded)
    elif labels == "50":
        kept = keep_listed(coded, label_list, record) if label_list else keep_frequent(coded)
    else:
        return coded
    record.count(f"admissions with a code of the label set {labels}", len(kept))
    if not kept:
        raise EmptyDataset(f"no admission has a code of --labels {labels}: take --labels full for so little data")
    return kept


def _split_of(
    coded: Coded,
    published: PublishedSplits | None,
    splits: Path | None,
    record: Record,
    seeding: tuple[int, float, float],
) -> dict[Admission, str]:
    if published:
        ids = published.split_of
        split_of = {admission: ids[admission[1]] for admission in coded if admission[1] in ids}
        record.count("admissions in the published lists", len(ids))
        record.count("admissions in the published lists without a document", len(ids) - len(split_of))
        record.count("admissions dropped: in no published list", len(coded) - len(split_of))
        if not split_of:
            raise MalformedInput(
                f"the lists in '{splits}' match no admission (they begin with "
                f"{next(iter(ids), 'nothing')}, the data "
                f"with {next(iter(coded))[1]}): check that both are of MIMIC-III, or leave --splits out"
            )
    else:
        by_patient = seeded_splits((str(subject) for subject, _ in coded), *seeding)
        split_of = {admission: by_patient[str(admission[0])] for admission in coded}
    require_patients_apart(
        ((str(subject), split) for (subject, _), split in split_of.items()), f"the lists in '{splits}'"
    )
    return split_of


def _documents(summaries: Summaries, coded: Coded, split_of: Mapping[Admission, str]) -> Iterator[Document]:
    for admission, split in split_of.items():
        subject, number = admission
        yield Document(str(number), str(subject), split, summaries.text(admission), coded[admission])


def _no_notes(tables: Mimic3Tables, overview: list[CodeTable], show: Callable[[str], None]) -> EmptyDataset:
    show(f"{'table':<16}{'rows':>10}{'distinct codes':>16}{'with leading zero':>19}  system")
    for table in overview:
        codes = len(table.raw_codes)
        show(f"{table.name:<16}{table.rows:>10,}{codes:>16,}{table.leading_zero:>19,}  {table.system}")
    for path in filter(None, (tables.diagnosis_titles, tables.procedure_titles)):
        show(f"{path.name.upper().partition('.')[0]:<16}{read_table(path).height:>10,}")
    show(f"{'NOTEEVENTS':<16}{0:>10}")
    return EmptyDataset(
        f"'{tables.notes}' has no rows, so there is no text to prepare: the open demo ships without notes; "
        "the full "
        "MIMIC-III v1.4 needs credentialed access at https://physionet.org/content/mimiciii/1.4/, or try "
        "`icd-coder synth mimic3`"
    )
