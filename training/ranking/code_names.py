"""Names of codes from the installed tables: titles, short titles, ICD-10-CM's inclusion terms, and what ICD-9-CM calls
the same."""

from collections.abc import Iterable, Iterator

from model.icd import ICD9CM, ICD9PCS, ICD10CM, Code
from training.prepare.icd10_hierarchy import icd10_hierarchy
from training.prepare.known_titles import published_titles
from training.prepare.titles import icd9_names_of_icd10, icd9_titles

CATEGORY = 3
"""Characters of an ICD-10-CM category."""


def table_titles(systems: Iterable[str]) -> dict[Code, str]:
    """Every code of the systems with its title, ascending; ICD-10-CM with its categories."""
    return dict(sorted(published_titles(systems).items()))


def other_names(codes: Iterable[Code]) -> Iterator[tuple[Code, str]]:
    """Names beside the titles: abbreviated titles of ICD-9-CM; for ICD-10-CM inclusion terms, of the category above
    too, and the ICD-9-CM titles of the code that stands for the same.

    A code without inclusion terms of its own takes those of the nearest code above it that has some.
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


def _inclusion_terms(code: str) -> list[str]:
    tree = icd10_hierarchy()
    while tree.is_valid_item(code):
        terms: list[str] = tree.get_inclusion_term(code) or tree.get_includes(code)
        if terms:
            return terms
        if len(code) <= CATEGORY:  # above it are blocks, some of which are named as their only category
            return []
        code = tree.get_parent(code)
    return []
