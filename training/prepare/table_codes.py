"""Judges the codes of a table: refuses a column that is no column of codes of its systems, counts what was changed.

No message shows a piece that is no code: it may be words of a note.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from model.errors import InvalidOption, MalformedInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS, NATIONAL_EDITIONS, SYSTEMS, Code, add_dot, readings
from training.prepare.code_cells import CodeColumn, Refusal, Resolved, of_version, without_leading_zeros
from training.prepare.dataset_directory import Record
from training.prepare.icd_titles import published_titles
from training.prepare.table_cells import codes_of
from training.prepare.table_rows.rows import Value

GROUPS = {"icd9": (ICD9CM, ICD9PCS), "icd10": (ICD10CM, ICD10PCS)}
TITLED = (ICD9CM, ICD9PCS, ICD10CM, ICD10PCS)


def named_systems(given: Sequence[str]) -> tuple[str, ...]:
    """Systems from names, comma lists of names and the groups icd9 and icd10.

    Raises:
        InvalidOption: a name is unknown.
    """
    found: list[str] = []
    for name in (part.strip().lower() for one in given for part in one.split(",") if part.strip()):
        if name not in GROUPS and name not in SYSTEMS:
            raise InvalidOption(
                f"'{name}' is not one of the systems {', '.join((*GROUPS, *SYSTEMS))}: name one or several"
            )
        found.extend(GROUPS.get(name, (name,)))
    if not found:
        raise InvalidOption(f"no system is named: name {', '.join((*GROUPS, *SYSTEMS))}, or several")
    return tuple(dict.fromkeys(found))


@dataclass
class CodeCells:
    """Cells with ICD codes, see :class:`training.prepare.table_documents.AssignedCells`."""

    systems: tuple[str, ...]
    titles: Mapping[Code, str]
    """Of the codes that a table names."""
    drop_invalid: bool = False
    word: str = "code"

    def __post_init__(self) -> None:
        self._column = CodeColumn(self.systems, self.titles.keys())

    def value(self, cell: Value) -> str | list[str | None] | None:
        """The codes as text."""
        return codes_of(cell)

    def add(self, value: str | list[str | None] | None, row: int, version: str | None) -> tuple[int, ...]:
        """Numbers of the pieces."""
        return self._column.add(value, row, version)

    @cached_property
    def _resolved(self) -> Resolved:
        return self._column.resolve()

    def codes(self, numbers: Sequence[int]) -> tuple[Code, ...]:
        """Distinct codes of the pieces."""
        return self._resolved.codes(numbers)

    def check(self, source: Path, record: Record) -> Mapping[Code, str]:
        """See :func:`check_codes`."""
        check_codes(source, self._resolved, self.systems, self.titles, record, drop_invalid=self.drop_invalid)
        return self.titles


def check_codes(
    source: Path,
    resolved: Resolved,
    systems: Sequence[str],
    titles: Mapping[Code, str],
    record: Record,
    *,
    drop_invalid: bool,
) -> None:
    """Count what was changed and left out, and warn of what looks wrong.

    Args:
        titles: of the codes that a table names.
        drop_invalid: leave out the pieces that are no code, instead of refusing the table.

    Raises:
        MalformedInput: some pieces are no code, or most codes are in no table of their system.
    """
    refusals = resolved.refusals()
    if refusals and (not drop_invalid or Refusal.DECIMAL_COMMA in refusals):  # what stands before it is damaged too
        raise MalformedInput(_refused(source, resolved, systems, titles))
    for change, times in sorted(resolved.changes().items()):
        record.count(f"pieces of code cells: {change}", times)
    for refusal, counts in refusals.items():
        record.count(f"codes dropped: {refusal}", counts.times)
    assigned = resolved.assignments()
    _require_known(source, assigned, systems, titles)
    _warn_of_unknown(assigned, systems, titles, record)
    _warn_of_zeros(resolved, titles, record)


def _refused(source: Path, resolved: Resolved, systems: Sequence[str], titles: Mapping[Code, str]) -> str:
    refusals = resolved.refusals()
    refused = sum(counts.times for counts in refusals.values())
    total = refused + resolved.assignments().total()
    row = min(counts.row for counts in refusals.values())
    reasons = "; ".join(f"{counts.times:,}: {refusal}" for refusal, counts in refusals.items())
    are = "is no code" if refused == 1 else "are no codes"
    return (
        f"{refused:,} of the {total:,} pieces in the code cells of '{source}' {are} of "
        f"{' or '.join(systems)}, the first in data row {row:,} ({reasons}): "
        + _remedy(resolved, systems, titles, refused)
    )


def _remedy(resolved: Resolved, systems: Sequence[str], titles: Mapping[Code, str], refused: int) -> str:
    """What to do about most of the refused pieces."""
    refusals = resolved.refusals()
    if Refusal.DECIMAL_COMMA in refusals:
        return "write the codes with a decimal point instead of a comma"
    other, fitting = _other_system(resolved, systems)
    zeros = resolved.refused_without_zero(systems, titles.keys())
    found = []
    if 2 * fitting > refused:
        known = any(code in titles for code in resolved.assignments())
        found.append(
            f"name both systems ({' '.join(f'--system {one}' for one in (*systems, other))}) where these are codes of "
            f"{other}"
            if known
            else f"do they belong to --system {other}?"
        )
    if 2 * zeros > refused:
        found.append("export the codes as text where a spreadsheet or data frame took their leading zeros")
    found = found or [_remedy_by_reason(resolved, systems)]
    remedies = "; or ".join(found if zeros else [*found, "leave these pieces out with --invalid-codes drop"])
    return remedies.replace("?; or", "? Or")


def _remedy_by_reason(resolved: Resolved, systems: Sequence[str]) -> str:
    refusals = resolved.refusals()
    if Refusal.VERSION in refusals:
        missing = "icd9" if not of_version(systems, "9") else "icd10"
        return f"name the systems of every version, as with --system {missing} beside the others"
    if Refusal.AMBIGUOUS in refusals:
        return "write the codes with their dots, or name one system"
    if Refusal.CHARACTERS in refusals and (characters := resolved.characters()):
        return (
            f"write codes alone, separated by ; , | or blanks (no code has the characters {characters}), "
            "and check --system and --codes"
        )
    return "write codes alone, separated by ; , | or blanks, without words, and check --system and --codes"


def _other_system(resolved: Resolved, systems: Sequence[str]) -> tuple[str, int]:
    """The system that most of the refused pieces are codes of, and how many are."""
    others = [system for system in TITLED if system not in systems]
    counted = [(resolved.refused_that_fit([one], published_titles([one]).keys()), one) for one in others]
    count, system = max(counted, default=(0, ""))
    return system, count


def _require_known(source: Path, assigned: Counter[Code], systems: Sequence[str], titles: Mapping[Code, str]) -> None:
    """Refuse a table more than half of whose assigned codes are in no table of the systems."""
    titled = _with_titles(systems, titles)
    judged = Counter({code: times for code, times in assigned.items() if code.system in titled})
    unknown = sum(times for code, times in judged.items() if code not in titles)
    if 2 * unknown <= judged.total():
        return
    better = _better_system(judged, systems)
    hint = f"do they belong to --system {better}?" if better else "; ".join((*_hints(systems), "or check --codes"))
    raise MalformedInput(
        f"{unknown:,} of the {judged.total():,} assigned codes of '{source}' are in no table of "
        f"{' or '.join(systems)}: {hint}"
    )


def _better_system(assigned: Counter[Code], systems: Sequence[str]) -> str | None:
    """The system in which most of the assigned codes would be known, whatever dot was placed."""
    counted = []
    for system in (one for one in TITLED if one not in systems):
        known = published_titles([system])
        pairs = ((times, readings([system], code.code.replace(".", ""))) for code, times in assigned.items())
        counted.append((sum(times for times, found in pairs if any(code in known for code in found)), system))
    count, best = max(counted, default=(0, ""))
    return best if 2 * count > assigned.total() else None


def _with_titles(systems: Sequence[str], titles: Mapping[Code, str]) -> set[str]:
    return set(systems) & ({code.system for code in titles})


def _warn_of_unknown(
    assigned: Counter[Code], systems: Sequence[str], titles: Mapping[Code, str], record: Record
) -> None:
    unknown = {code: times for code, times in assigned.items() if code not in titles}
    if not unknown:
        return
    times = sum(unknown.values())
    record.count("assigned codes in no table", times)
    record.warnings.append(
        f"{times:,} of the {assigned.total():,} assigned codes ({times / assigned.total():.0%}; {len(unknown):,} "
        f"distinct) are in no table of {' or '.join(systems)} and keep an empty title: {'; '.join(_hints(systems))}"
    )


def _hints(systems: Sequence[str]) -> Iterator[str]:
    if ICD10CM in systems:
        yield (
            "of ICD-10 only the American edition (ICD-10-CM) has titles here, so name another one with --system "
            + ", ".join(NATIONAL_EDITIONS)
        )
    yield "give your own titles with --code-table"
    if not set(systems) & set(NATIONAL_EDITIONS):
        yield "or check --system"


def _warn_of_zeros(resolved: Resolved, titles: Mapping[Code, str], record: Record) -> None:
    """A dot that is written shows that no zero is missing in front, so only codes without one count there."""
    pairs = zip(resolved.reads, resolved.texts, strict=True)
    undotted = {code for read, text in pairs if "." not in text for code in read.codes}
    if lost := without_leading_zeros(undotted, titles.keys()):
        record.warnings.append(
            f"no ICD-9 code begins with 0, and with a 0 in front {len(lost):,} of the distinct codes would be others: "
            "export the column as text if a spreadsheet or data frame took the zeros"
        )
    if cut := _without_trailing_zeros(resolved.assignments().keys(), titles):
        record.warnings.append(
            f"no ICD-9 code ends with 0 behind its dot, and {cut:,} of the distinct codes are whole codes only with "
            "such zeros, as 250 with 250.00: export the column as text if a spreadsheet or data frame took them"
        )


def _without_trailing_zeros(codes: Collection[Code], titles: Mapping[Code, str]) -> int:
    """How many distinct codes may have lost the zeros behind their dot, as numbers do."""
    own = [code for code in codes if code.system in GROUPS["icd9"] and code.code.replace(".", "").isdigit()]
    if any("." in code.code and code.code.endswith("0") for code in own):
        return 0
    undotted = ((code, code.code.replace(".", "")) for code in own if code not in titles)
    return sum(
        any(Code(code.system, add_dot(code.system, digits + zeros)) in titles for zeros in ("0", "00"))
        for code, digits in undotted
    )
