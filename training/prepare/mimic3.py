"""Turns MIMIC-III v1.4 into a dataset directory, by the published protocol (Mullenbach 2018, Edin 2023)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from model.atomic_output import require_free, sweep_abandoned
from model.errors import EmptyDataset, InvalidOption, MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, Code, normalise_cell
from model.progress import with_progress
from training.prepare.caml_label_space import DEFECT, as_published
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.icd_titles import titles_for
from training.prepare.mimic_codes import Coded, CodeRows, collect_codes, read_rows, read_titles, warn_of_lost_zeros
from training.prepare.mimic_dataset import Splitting, documents_of, split_admissions, with_text
from training.prepare.mimic_label_sets import cut_to_label_set
from training.prepare.mimic_notes import IS_ERROR, Summaries, read_summaries
from training.prepare.mimic_tables import CodeTable, MimicTables, NoteTable, TitleTable, files_in, find, require
from training.prepare.source_files import hashing
from training.prepare.splits import read_published, require_shares
from training.prepare.string_csv import csv_header

DAMAGED = "full-caml"
EDITION = "MIMIC-III v1.4"
CATEGORY = "Discharge summary"
NOTE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "CATEGORY", "DESCRIPTION", "TEXT")
CODE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE")
TITLE_COLUMNS = ("ICD9_CODE", "LONG_TITLE")
MIMIC4_SIGNS = ("hosp", "note", "discharge.csv", "discharge.csv.gz")
# Report before Addendum, then CHARTTIME, CHARTDATE, ROW_ID: the order of Edin et al. 2024.
ORDER = (
    pl.col("DESCRIPTION").str.strip_chars().str.to_lowercase() != "report",
    pl.col("CHARTTIME").str.strip_chars(),
    pl.col("CHARTDATE").str.strip_chars(),
)


@dataclass(frozen=True)
class _Labelled:
    """Codes in the label set by admission with a summary; labels of the set, also those without documents."""

    coded: Coded
    titles: dict[Code, str]
    labels: tuple[Code, ...] = ()


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
        splits: folder with published id lists; without it a seeded split by patient, stratified by code.
        labels: "full"; "clean": codes of at least 10 admissions; "50": the codes of ``label_list``, or the 50
            most frequent; "full-caml": the published, damaged codes of ``label_list``.
        show: called with each line of the overview of the tables when there are no notes.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    require_free(out)
    require_shares(dev_share, test_share)
    _require_list(labels, label_list)
    sweep_abandoned(out)
    tables = find_tables(source)
    published = read_published(splits, "full" if labels == DAMAGED else labels) if splits else None
    splitting = Splitting(published, seed, dev_share, test_share)
    record = Record(_options(labels, label_list) | splitting.options())
    record.remarks["source_rows"] = tables.notes.source_rows
    inputs = [*tables.paths, *splitting.files, *filter(None, [label_list])]
    with hashing(inputs) as hashes:
        read = [read_rows(table) for table in tables.codes]
        with read_summaries(tables.notes, out, record) as summaries:
            if summaries.note_rows == 0:
                raise _no_notes(tables, read, show)
            labelled = _labelled(tables, read, summaries, labels, label_list, record)
            split_of = split_admissions(labelled.coded, splitting, record)
            record.source.extend(hashes())
            documents = documents_of(summaries, labelled.coded, split_of)
            shown = with_progress(documents, "write", len(split_of), "document")
            return write_dataset(out, shown, labelled.titles, record, labelled.labels)


def _require_list(labels: str, label_list: Path | None) -> None:
    if label_list is not None and labels not in ("50", DAMAGED):
        raise InvalidOption(
            f"--label-list is for --labels 50 and {DAMAGED}, not for --labels {labels}: leave one of them out"
        )
    if labels == DAMAGED and label_list is None:
        raise InvalidOption(
            f"--labels {DAMAGED} needs --label-list: the published file of 8,921 codes, one a line, as the "
            "repositories of PLM-ICD and CAML ship it"
        )


def _options(labels: str, label_list: Path | None) -> dict[str, Any]:
    options: dict[str, Any] = {"source": "mimic3", "labels": labels}
    if labels == "50":
        options["label_list"] = label_list.name if label_list else "the 50 most frequent codes"
    if labels == DAMAGED and label_list:
        options["label_list"] = label_list.name
    return options


def _labelled(
    tables: MimicTables,
    read: Sequence[CodeRows],
    summaries: Summaries,
    labels: str,
    label_list: Path | None,
    record: Record,
) -> _Labelled:
    titles = titles_for((ICD9CM, ICD9PCS), read_titles(tables))
    if labels == DAMAGED and label_list:
        record.remarks["label_space_defect"] = DEFECT
        with_summary = {admission for _, admission in summaries.admissions}
        damaged = as_published(read, with_summary, label_list, titles, record)
        return _Labelled(with_text(damaged.coded, summaries, record), damaged.titles, damaged.labels)
    assigned = collect_codes(read, normalise_cell, record)
    warn_of_lost_zeros((code for codes in assigned.values() for code in codes), record)
    coded = with_text(assigned, summaries, record)
    return _Labelled(cut_to_label_set(coded, labels, label_list, record), titles)


def _no_notes(tables: MimicTables, read: Sequence[CodeRows], show: Callable[[str], None]) -> EmptyDataset:
    show(f"{'table':<16}{'rows':>10}{'distinct codes':>16}{'with leading zero':>19}  system")
    for table in read:
        codes = len(table.raw_codes)
        show(f"{table.table.name:<16}{table.rows:>10,}{codes:>16,}{table.leading_zero:>19,}  {table.table.system}")
    for titles in tables.titles:
        show(f"{titles.name:<16}{titles.read().height:>10,}")
    show(f"{tables.notes.name:<16}{0:>10}")
    return EmptyDataset(
        f"'{tables.notes.path}' has no rows, so there is no text to prepare: the open demo ships without notes; "
        "the full MIMIC-III v1.4 needs credentialed access at https://physionet.org/content/mimiciii/1.4/, or try "
        "`icd-coder synth mimic3`"
    )


def find_tables(source: Path) -> MimicTables:
    """Find the tables in a folder and check their columns, before any long reading.

    Raises:
        MissingInput: the folder, a table or a column is not there.
        MalformedInput: it is MIMIC-IV, or a header cannot be read.
    """
    if not source.is_dir():
        raise MissingInput(
            f"'{source}' is not a folder: --source is the folder with NOTEEVENTS.csv.gz of MIMIC-III v1.4"
        )
    files = files_in(source)
    if any(sign in files for sign in MIMIC4_SIGNS):
        raise _mimic4(source)
    notes = require(source, files, "NOTEEVENTS", EDITION)
    codes = [(name, system, require(source, files, name, EDITION)) for name, system in _named("{}_ICD")]
    titles = [(name, system, find(files, name)) for name, system in _named("D_ICD_{}")]
    for _, _, path in codes:
        if {"ICD_CODE", "ICD_VERSION"} <= {name.strip().upper() for name in csv_header(path)}:
            raise _mimic4(path)
    return MimicTables(
        NoteTable("NOTEEVENTS", notes, _note_columns(notes), EDITION, category=CATEGORY, row_id="ROW_ID", order=ORDER),
        tuple(CodeTable(name, path, CODE_COLUMNS, EDITION, system, "ICD9_CODE") for name, system, path in codes),
        tuple(
            TitleTable(name, path, TITLE_COLUMNS, EDITION, system, "ICD9_CODE", "LONG_TITLE")
            for name, system, path in titles
            if path is not None
        ),
    ).require_columns()


def _note_columns(notes: Path) -> tuple[str, ...]:
    """The columns that are read, ISERROR among them where the table has it."""
    found = {name.strip().upper() for name in csv_header(notes)}
    return (*NOTE_COLUMNS, IS_ERROR) if IS_ERROR in found else NOTE_COLUMNS


def _named(form: str) -> list[tuple[str, str]]:
    return [(form.format("DIAGNOSES"), ICD9CM), (form.format("PROCEDURES"), ICD9PCS)]


def _mimic4(path: Path) -> MalformedInput:
    return MalformedInput(
        f"'{path}' holds MIMIC-IV: `prepare mimic3` reads MIMIC-III v1.4, so name the folder that has NOTEEVENTS, "
        "or take `prepare mimic4`"
    )
