"""Names of codes from the installed tables: titles, short titles, and ICD-10-CM's inclusion terms and categories.

Inclusion terms and the codes that are no leaves come from ``simple-icd-10-cm``, which is optional; without it the
leaves' titles are there still.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from model.icd import ICD9CM, ICD9PCS, ICD10CM, Code
from training.prepare.known_titles import published_titles
from training.prepare.titles import icd9_titles

CATEGORY = 3
"""Characters of an ICD-10-CM category."""


def table_titles(systems: Iterable[str]) -> dict[Code, str]:
    """Every code of the systems with its title, ascending; ICD-10-CM with its categories where they are installed."""
    wanted = set(systems)
    titles = published_titles(wanted)
    if ICD10CM in wanted and find_spec("simple_icd_10_cm") is not None:
        import simple_icd_10_cm

        for code in simple_icd_10_cm.get_all_codes():
            if simple_icd_10_cm.is_category_or_subcategory(code):
                titles.setdefault(Code(ICD10CM, code), simple_icd_10_cm.get_description(code))
    return dict(sorted(titles.items()))


def other_names(codes: Iterable[Code]) -> Iterator[tuple[Code, str]]:
    """Names beside the titles: abbreviated titles of ICD-9-CM, inclusion terms of ICD-10-CM and of the category above.

    A code without inclusion terms of its own takes those of the nearest code above it that has some.
    """
    known = list(codes)
    if any(code.system in (ICD9CM, ICD9PCS) for code in known):
        short = icd9_titles()
        yield from ((code, short[code].short) for code in known if code in short)
    if any(code.system == ICD10CM for code in known) and find_spec("simple_icd_10_cm") is not None:
        for code in known:
            if code.system == ICD10CM:
                yield from ((code, term) for term in _inclusion_terms(code.code))


def _inclusion_terms(code: str) -> list[str]:
    import simple_icd_10_cm

    while simple_icd_10_cm.is_valid_item(code):
        terms: list[str] = simple_icd_10_cm.get_inclusion_term(code) or simple_icd_10_cm.get_includes(code)
        if terms:
            return terms
        if len(code) <= CATEGORY:  # above it are blocks, some of which are named as their only category
            return []
        code = simple_icd_10_cm.get_parent(code)
    return []
