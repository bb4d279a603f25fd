"""Titles of codes: the source's own tables first, then the published ICD tables that are installed."""

from collections.abc import Iterable, Mapping

from model.icd import ICD9CM, ICD9PCS, ICD10CM, Code
from training.prepare.titles import icd9_titles, icd10_category_titles, icd10_titles


def published_titles(systems: Iterable[str]) -> dict[Code, str]:
    """Long titles of every code of the systems, ICD-10-CM's categories included, from the tables of
    :mod:`training.prepare.titles`."""
    wanted = set(systems)
    titles = {}
    if wanted & {ICD9CM, ICD9PCS}:
        titles.update(icd9_titles())
    if wanted - {ICD9CM, ICD9PCS}:
        titles.update(icd10_titles())
    known = {code: title.long for code, title in titles.items() if code.system in wanted}
    return icd10_category_titles() | known if ICD10CM in wanted else known


def titles_for(systems: Iterable[str], own: Mapping[Code, str]) -> dict[Code, str]:
    """Published titles, replaced by the source's ``own`` where it has one."""
    return published_titles(systems) | {code: title for code, title in own.items() if title}


def untitled_warning(untitled: tuple[Code, ...], remedy: str) -> str:
    """One sentence on the codes that no table names, with an example and what to check."""
    example = " ".join(untitled[0])
    many = f"{len(untitled):,} codes are" if len(untitled) > 1 else "1 code is"
    return f"{many} in no ICD table, for example {example}: {remedy}"
