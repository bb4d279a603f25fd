"""Codes of MIMIC-III admissions: read as strings, in order of priority; and the label sets cut from them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.errors import MalformedInput
from model.icd import ICD9CM, ICD9PCS, Code
from training.prepare.codes import normalised
from training.prepare.dataset_directory import Record
from training.prepare.mimic3_tables import Mimic3Tables, read_table, whole_numbers
from training.prepare.source_files import read_text

CLEAN_OCCURRENCES = 10  # Edin et al. 2023, "MIMIC-III clean"
FREQUENT = 50  # Mullenbach et al. 2018, "MIMIC-III 50"

Admission = tuple[int, int]  # (SUBJECT_ID, HADM_ID)
Coded = dict[Admission, tuple[Code, ...]]


@dataclass(frozen=True)
class CodeTable:
    """What a code table holds, for the manifest and the overview."""

    name: str
    system: str
    rows: int
    raw_codes: frozenset[str]

    @property
    def leading_zero(self) -> int:
        return sum(code.startswith("0") for code in self.raw_codes)


def read_codes(tables: Mimic3Tables, record: Record) -> tuple[Coded, list[CodeTable]]:
    """Distinct codes of every admission: diagnoses by SEQ_NUM, then procedures by SEQ_NUM.

    Raises:
        MalformedInput: an identifier is no number, or a table cannot be read.
    """
    collected: dict[Admission, dict[Code, None]] = {}
    overview, repeated = [], 0
    for name, system, path in (
        ("DIAGNOSES_ICD", ICD9CM, tables.diagnoses),
        ("PROCEDURES_ICD", ICD9PCS, tables.procedures),
    ):
        frame = read_table(path)
        raw_codes = frozenset(frame["ICD9_CODE"].str.strip_chars().unique()) - {""}
        overview.append(CodeTable(name, system, frame.height, raw_codes))
        ordered = _in_order(path, frame)
        spelled = {raw: normalised(system, raw) for raw in ordered["ICD9_CODE"].unique()}
        kept = 0
        for subject, admission, raw in ordered.select("SUBJECT_ID", "HADM_ID", "ICD9_CODE").iter_rows():
            if (code := spelled[raw]) is not None:
                codes = collected.setdefault((subject, admission), {})
                repeated += code in codes
                codes[code] = None
                kept += 1
        record.count(f"{name} rows", frame.height)
        record.count(f"{name} rows dropped: no SUBJECT_ID or HADM_ID", frame.height - ordered.height)
        record.count(f"{name} rows dropped: no code", ordered.height - kept)
    record.count("code rows dropped: repeated in the admission", repeated)
    record.count("admissions with a code", len(collected))
    return {admission: tuple(codes) for admission, codes in collected.items()}, overview


def read_titles(tables: Mimic3Tables) -> dict[Code, str]:
    """LONG_TITLE by code, of the D_ICD tables that are there."""
    titles = {}
    for system, path in ((ICD9CM, tables.diagnosis_titles), (ICD9PCS, tables.procedure_titles)):
        if path is None:
            continue
        for raw, title in read_table(path).select("ICD9_CODE", "LONG_TITLE").iter_rows():
            if (code := normalised(system, raw)) is not None:
                titles[code] = title.strip()
    return titles


def keep_clean(coded: Coded) -> Coded:
    """Codes with at least ``CLEAN_OCCURRENCES`` admissions; an admission left without a code goes."""
    counts = _counts(coded)
    return _keep(coded, {code for code, count in counts.items() if count >= CLEAN_OCCURRENCES})


def keep_frequent(coded: Coded) -> Coded:
    """The ``FREQUENT`` codes of most admissions, ties by code; an admission left without a code goes."""
    ranked = sorted(_counts(coded).items(), key=lambda item: (-item[1], item[0]))
    return _keep(coded, {code for code, _ in ranked[:FREQUENT]})


def keep_listed(coded: Coded, label_list: Path, record: Record) -> Coded:
    """The codes that a file lists, one dotted code a line; an admission left without a code goes.

    Raises:
        MissingInput, MalformedInput: the file cannot be read, or names no code of the data.
    """
    lines = {line.strip().upper() for line in read_text(label_list).splitlines() if line.strip()}
    listed = {code for line in lines if (code := _listed(line)) is not None}
    present = listed & _counts(coded).keys()
    if not present:
        raise MalformedInput(
            f"'{label_list}' lists none of the codes of this data: expected one dotted code a line, such "
            "as 401.9 or 38.93"
        )
    record.count("codes listed in --label-list", len(listed))
    record.count("codes listed in --label-list that no admission has", len(listed - present))
    return _keep(coded, present)


def _listed(line: str) -> Code | None:
    """The published lists name no system; two characters before the dot make a procedure."""
    return normalised(ICD9PCS if line.find(".") == 2 else ICD9CM, line)


def _in_order(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    numbers = [whole_numbers(path, frame[name]) for name in ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ROW_ID")]
    known = frame.with_columns(numbers).drop_nulls(["SUBJECT_ID", "HADM_ID"])
    return known.sort(["SEQ_NUM", "ROW_ID"], nulls_last=True, maintain_order=True)


def _counts(coded: Mapping[Admission, tuple[Code, ...]]) -> Counter[Code]:
    return Counter(code for codes in coded.values() for code in codes)


def _keep(coded: Coded, wanted: set[Code]) -> Coded:
    kept = {admission: tuple(code for code in codes if code in wanted) for admission, codes in coded.items()}
    return {admission: codes for admission, codes in kept.items() if codes}
