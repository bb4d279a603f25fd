"""Turns MIMIC-IV into a dataset directory, by the protocol of Edin et al. 2023."""

from pathlib import Path
from typing import Any

import polars as pl

from model.atomic_output import require_free, sweep_abandoned
from model.errors import EmptyDataset, InvalidOption, MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS
from model.progress import with_progress
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.icd_titles import titles_for
from training.prepare.mimic_codes import read_codes, read_titles
from training.prepare.mimic_dataset import Splitting, documents_of, split_admissions, with_text
from training.prepare.mimic_label_sets import cut_to_label_set
from training.prepare.mimic_notes import read_summaries
from training.prepare.mimic_tables import CodeTable, MimicTables, NoteTable, TitleTable, files_in, find, require
from training.prepare.source_files import hashing
from training.prepare.splits import read_published, require_shares

EDITION = "MIMIC-IV"
NOTE_COLUMNS = ("SUBJECT_ID", "HADM_ID", "NOTE_SEQ", "CHARTTIME", "TEXT")
CODE_COLUMNS = ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD_CODE", "ICD_VERSION")
TITLE_COLUMNS = ("ICD_CODE", "ICD_VERSION", "LONG_TITLE")
SYSTEMS = {"icd9": ("9", ICD9CM, ICD9PCS), "icd10": ("10", ICD10CM, ICD10PCS)}
ORDER = (
    pl.col("NOTE_SEQ").str.strip_chars().cast(pl.Int64, strict=False),
    pl.col("CHARTTIME").str.strip_chars(),
)
EXPECTED = (
    "--source is a folder with note/discharge.csv.gz (PhysioNet: mimic-iv-note) and hosp/diagnoses_icd.csv.gz "
    "(mimiciv), so move or link the two beside each other"
)


def prepare_mimic4(
    source: Path,
    out: Path,
    *,
    system: str = "icd10",
    splits: Path | None = None,
    labels: str = "full",
    label_list: Path | None = None,
    seed: int = 0,
    dev_share: float = 0.1,
    test_share: float = 0.1,
) -> Written:
    """Write the dataset directory of the admissions that have a discharge summary and a code of the system.

    Args:
        source: folder with note/discharge and hosp/diagnoses_icd, procedures_icd, d_icd_*, .csv or .csv.gz.
        system: "icd9" or "icd10"; an admission is coded in one of them.
        splits: folder with published id lists; without it a seeded split by patient, stratified by code.
        labels: "full"; "clean": codes of at least 10 admissions (Edin et al.); "50": the codes of ``label_list``,
            or the 50 most frequent.

    ``document_id`` is the hadm_id; ``source_rows`` are data rows of the discharge table.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    require_free(out)
    require_shares(dev_share, test_share)
    if label_list is not None and labels != "50":
        raise InvalidOption(f"--label-list is for --labels 50, not for --labels {labels}: leave one of them out")
    sweep_abandoned(out)
    tables = find_tables(source, system)
    splitting = Splitting(read_published(splits, system) if splits else None, seed, dev_share, test_share)
    record = Record(_options(system, labels, label_list) | splitting.options())
    record.remarks["source_rows"] = tables.notes.source_rows
    with hashing([*tables.paths, *splitting.files, *filter(None, [label_list])]) as hashes:
        coded, _ = read_codes(tables, record)
        with read_summaries(tables.notes, out, record) as summaries:
            if summaries.note_rows == 0:
                raise EmptyDataset(f"'{tables.notes.path}' has no rows: take the whole file of mimic-iv-note")
            chosen = cut_to_label_set(with_text(coded, summaries, record), labels, label_list, record)
            split_of = split_admissions(chosen, splitting, record)
            titles = titles_for([table.system for table in tables.codes], read_titles(tables))
            record.source.extend(hashes())
            documents = documents_of(summaries, chosen, split_of)
            return write_dataset(out, with_progress(documents, "write", len(split_of), "document"), titles, record)


def _options(system: str, labels: str, label_list: Path | None) -> dict[str, Any]:
    options: dict[str, Any] = {"source": "mimic4", "system": system, "labels": labels}
    if labels == "50":
        options["label_list"] = label_list.name if label_list else "the 50 most frequent codes"
    return options


def find_tables(source: Path, icd: str) -> MimicTables:
    """Find the tables and check their columns, before any long reading.

    Args:
        icd: "icd9" or "icd10": the version whose rows are taken from the code tables.

    Raises:
        MissingInput: the folder, a table or a column is not there.
        MalformedInput: it is MIMIC-III, or a header cannot be read.
    """
    if not source.is_dir():
        raise MissingInput(f"'{source}' is not a folder: {EXPECTED}")
    if find(files_in(source), "NOTEEVENTS") is not None:
        raise MalformedInput(f"'{source}' holds MIMIC-III: take `prepare mimic3`, or name the MIMIC-IV folder")
    hosp, note = source / "hosp", source / "note"
    for folder in (hosp, note):
        if not folder.is_dir():
            raise MissingInput(f"'{source}' has no folder {folder.name}: {EXPECTED}")
    files, version = files_in(hosp), SYSTEMS[icd][0]
    notes = require(note, files_in(note), "discharge", EDITION)
    systems = list(zip(("diagnoses", "procedures"), SYSTEMS[icd][1:], strict=True))
    codes = [(f"{kind}_icd", system, require(hosp, files, f"{kind}_icd", EDITION)) for kind, system in systems]
    titles = [(f"d_icd_{kind}", system, find(files, f"d_icd_{kind}")) for kind, system in systems]
    return MimicTables(
        NoteTable("discharge", notes, NOTE_COLUMNS, EDITION, category=None, row_id=None, order=ORDER),
        tuple(
            CodeTable(name, path, CODE_COLUMNS, EDITION, system, "ICD_CODE", version) for name, system, path in codes
        ),
        tuple(
            TitleTable(name, path, TITLE_COLUMNS, EDITION, system, "ICD_CODE", "LONG_TITLE", version)
            for name, system, path in titles
            if path is not None
        ),
    ).require_columns()
