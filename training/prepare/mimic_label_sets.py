"""Restricts the codes of MIMIC to a label set; admissions without a code left are dropped."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from model.errors import EmptyDataset, MalformedInput
from model.icd import SYSTEMS, Code, readings
from training.prepare.dataset_directory import Record
from training.prepare.mimic_codes import Admission, Coded
from training.prepare.source_files import read_text

CLEAN_OCCURRENCES = 10  # Edin et al. 2023, "MIMIC-III clean"
FREQUENT = 50  # Mullenbach et al. 2018, "MIMIC-III 50"


def cut_to_label_set(coded: Coded, labels: str, label_list: Path | None, record: Record) -> Coded:
    """The codes of "full", "clean" or "50" (those of ``label_list``, or the most frequent).

    Raises:
        MissingInput, MalformedInput: the list cannot be read, or names no code of the data.
        EmptyDataset: nothing is left.
    """
    if labels == "full":
        return coded
    if labels == "clean":
        kept = keep_clean(coded)
    else:
        kept = keep_listed(coded, label_list, record) if label_list else keep_frequent(coded)
    record.count(f"admissions with a code of the label set {labels}", len(kept))
    if not kept:
        raise EmptyDataset(f"no admission has a code of --labels {labels}: take --labels full for so little data")
    return kept


def keep_clean(coded: Coded) -> Coded:
    """Codes with at least ``CLEAN_OCCURRENCES`` admissions."""
    counts = _counts(coded)
    return keep(coded, {code for code, count in counts.items() if count >= CLEAN_OCCURRENCES})


def keep_frequent(coded: Coded) -> Coded:
    """The ``FREQUENT`` codes of most admissions, ties by code."""
    ranked = sorted(_counts(coded).items(), key=lambda item: (-item[1], item[0]))
    return keep(coded, {code for code, _ in ranked[:FREQUENT]})


def keep_listed(coded: Coded, label_list: Path, record: Record) -> Coded:
    """The codes that a file lists, one dotted code a line.

    Raises:
        MissingInput, MalformedInput: the file cannot be read, or names no code of the data.
    """
    counts = _counts(coded)
    systems = [system for system in SYSTEMS if any(code.system == system for code in counts)]
    lines = read_label_list(label_list)
    listed = {line: _listed(line, systems, counts) for line in lines}
    present = {code for code in listed.values() if code is not None and code in counts}
    if not present:
        raise MalformedInput(
            f"'{label_list}' lists none of the codes of this data (it begins with {next(iter(lines), 'nothing')}): "
            "expected one dotted code a line, such as 401.9 or 38.93"
        )
    record.count("codes listed in --label-list", len(listed))
    record.count("codes listed in --label-list that no admission has", len(listed) - len(present))
    return keep(coded, present)


def read_label_list(path: Path) -> list[str]:
    """Lines of a list of codes, upper case, each once, in their order.

    Raises:
        MissingInput, MalformedInput: the file cannot be read, or a line is not a code.
    """
    lines: dict[str, None] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        code = line.strip().upper()
        if code and not (len(code) <= 9 and code.replace(".", "").isalnum()):
            raise MalformedInput(f"line {number} of '{path}' is not a code: expected one dotted code a line, no header")
        if code:
            lines[code] = None
    return list(lines)


def keep(coded: Coded, wanted: set[Code]) -> Coded:
    """The wanted codes of each admission that has one."""
    kept = {admission: tuple(code for code in codes if code in wanted) for admission, codes in coded.items()}
    return {admission: codes for admission, codes in kept.items() if codes}


def _listed(line: str, systems: list[str], counts: Mapping[Code, int]) -> Code | None:
    """The code of a line, None where it is one of no system. Lists name none; in ICD-9 the dot's place shows it."""
    spelled = list(readings(systems, line))
    fitting = [code for code in spelled if code.code == line] or spelled
    return next((code for code in fitting if code in counts), fitting[0] if fitting else None)


def _counts(coded: Mapping[Admission, tuple[Code, ...]]) -> Counter[Code]:
    return Counter(code for codes in coded.values() for code in codes)
