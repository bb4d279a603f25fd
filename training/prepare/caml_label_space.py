"""The published label space of MIMIC-III-Full, 8,921 codes, with the defect that made it. See docs/decisions/0006.

CAML's preparation (jamesmullenbach/caml-mimic, dataproc_mimic_III.ipynb), which PLM-ICD and others took over,

1. read PROCEDURES_ICD with pandas, which made numbers of the codes: "0066" became 66;
2. put the dot after two characters of what was left: 66 became "66.", 331 became "33.1";
3. wrote diagnoses, then procedures, of the admissions with a summary to one file, and read it with pandas again. That
   reads ``CHUNK`` rows at a time: in a chunk with diagnoses codes stay text, in one of procedures only they become
   numbers, so that "66." is written "66.0" and "26.30" is written "26.3".

So one code has two labels, and several codes share one. This is reproduced for comparison with papers only.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from model.errors import MalformedInput
from model.icd import ICD9CM, ICD9PCS, Code, normalise_cell
from training.prepare.dataset_directory import Record
from training.prepare.mimic_codes import Coded, CodeRows, collect_codes
from training.prepare.mimic_label_sets import keep, read_label_list

CHUNK = 131_072  # pandas/_libs/parsers.pyx: the power of two below 2**20 // 5 columns
DEFECT = (
    "procedure codes were read as numbers as in the published MIMIC-III-Full label space of 8,921 codes: leading zeros "
    "are lost, different procedures share a label and some have two, so its answers must not be used"
)


@dataclass(frozen=True)
class DamagedCodes:
    """Codes that the published pipeline assigns."""

    coded: Coded
    labels: tuple[Code, ...]
    titles: dict[Code, str]


def as_published(
    read: Sequence[CodeRows],
    admissions: Collection[int],
    label_list: Path,
    titles: Mapping[Code, str],
    record: Record,
) -> DamagedCodes:
    """Codes of every admission by the published pipeline, cut to the published list.

    Args:
        read: diagnoses, then procedures.
        admissions: HADM_ID of those with a discharge summary.
        titles: of the true codes; a damaged label takes that of its most frequent true code.

    An assignment whose spelling is not in the list, as when tables of another length move the chunks, takes the entry
    of the same number; one without such an entry is dropped. Entries that no admission has stay labels.

    Raises:
        MissingInput, MalformedInput: the list cannot be read or names no code of the data, or a procedure code is
            not a number.
    """
    diagnoses, procedures = (
        replace(rows, frame=rows.frame.filter(pl.col("HADM_ID").is_in(list(admissions)))) for rows in read
    )
    entries = [_entry(line) for line in read_label_list(label_list)]
    known = {code.code for code in entries if code.system == ICD9PCS}
    text_rows = -diagnoses.frame.height % CHUNK
    spelled = _spell(procedures, text_rows, known, record)
    coded = collect_codes([diagnoses, spelled], _code, record)
    present = {code for codes in coded.values() for code in codes} & set(entries)
    if not present:
        raise MalformedInput(f"'{label_list}' lists none of the codes of this data: name the list of 8,921 codes")
    record.count("codes listed in --label-list", len(entries))
    record.count("codes listed in --label-list that no admission with a summary has", len(set(entries)) - len(present))
    kept = keep(coded, set(entries))
    dropped = sum(map(len, coded.values())) - sum(map(len, kept.values()))
    record.count("assignments dropped: diagnosis in no entry of --label-list", dropped)
    return DamagedCodes(kept, tuple(entries), {**titles, **_titles(procedures, known, titles)})


def text_spelling(raw: str) -> str:
    """ "0066" -> "66.", "0331" -> "33.1": read as a number, a dot after two digits."""
    number = str(int(raw))
    return f"{number[:2]}.{number[2:]}"


def number_spelling(raw: str) -> str:
    """ "0066" -> "66.0", "2630" -> "26.3": the text spelling read as a number again."""
    return str(float(text_spelling(raw)))


def listed_spelling(raw: str, as_text: bool, known: Collection[str]) -> str | None:
    """The entry of the list for a cell; None where the list has no entry of that number."""
    both = (text_spelling(raw), number_spelling(raw))
    return next((spelling for spelling in (both if as_text else both[::-1]) if spelling in known), None)


def _spell(procedures: CodeRows, text_rows: int, known: Collection[str], record: Record) -> CodeRows:
    raw = procedures.frame["CODE"].str.strip_chars()
    _require_numbers(procedures, raw)
    spelled = {
        as_text: {code: listed_spelling(code, as_text, known) for code in raw.unique() if code}
        for as_text in (True, False)
    }
    codes = [spelled[row < text_rows].get(code) for row, code in enumerate(raw)]
    record.count("procedure rows with no code or in no entry of --label-list", codes.count(None))
    return replace(procedures, frame=procedures.frame.with_columns(pl.Series("CODE", [code or "" for code in codes])))


def _require_numbers(procedures: CodeRows, raw: pl.Series) -> None:
    broken = ((raw != "") & ~raw.str.contains(r"^\d+$")).arg_true()
    if len(broken):
        row = procedures.frame["ROW_ID"][broken[0]]
        raise MalformedInput(
            f"the ICD9_CODE of ROW_ID {row} in '{procedures.table.path}' is not a number: --labels full-caml "
            "reproduces a reading of these codes as numbers, take --labels full"
        )


def _code(system: str, spelled: str) -> Code | None:
    if system == ICD9PCS:
        return Code(ICD9PCS, spelled) if spelled else None
    return normalise_cell(system, spelled)


def _entry(line: str) -> Code:
    """The code of a line of the list: a damaged procedure where the dot follows one or two digits, else a diagnosis."""
    return Code(ICD9PCS if 0 < line.find(".") <= 2 else ICD9CM, line)


def _titles(procedures: CodeRows, known: Collection[str], titles: Mapping[Code, str]) -> dict[Code, str]:
    """Title of each damaged label: that of the true code most often behind it."""
    counts = Counter(procedures.frame["CODE"].str.strip_chars())
    true = {code.code.replace(".", ""): title for code, title in titles.items() if code.system == ICD9PCS}
    named: dict[Code, str] = {}
    for raw in sorted(true, key=lambda raw: (counts[raw], raw)):
        for spelling in {text_spelling(raw), number_spelling(raw)} & set(known):
            named[Code(ICD9PCS, spelling)] = true[raw]
    return named
