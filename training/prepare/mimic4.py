"""MIMIC-IV to a dataset directory, by the protocol of Edin et al. 2023: one ICD version, discharge summaries."""

from pathlib import Path
from typing import Any

from model.atomic_output import require_free, sweep_abandoned
from model.errors import EmptyDataset, InvalidOption
from model.progress import with_progress
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.known_titles import titles_for
from training.prepare.label_sets import cut_to_label_set
from training.prepare.mimic4_tables import find_tables
from training.prepare.mimic_codes import read_codes, read_titles
from training.prepare.mimic_dataset import Splitting, documents_of, split_admissions, with_text
from training.prepare.mimic_notes import read_summaries
from training.prepare.source_files import hashing
from training.prepare.splits import read_published, require_shares


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
