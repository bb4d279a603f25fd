"""Names from the installed code tables."""

from model.icd import Code
from training.ranking.code_names import other_names, table_titles


def test_every_code_of_a_table_has_a_title() -> None:
    """Diagnoses and procedures of ICD-9-CM, in ascending order."""
    titles = table_titles(["icd9cm", "icd9pcs"])
    assert list(titles) == sorted(titles)
    assert len(titles) == 14_567 + 3_882


def test_categories_are_in_the_table() -> None:
    """N28.8 is no leaf, and CodiEsp has such codes."""
    assert table_titles(["icd10cm"])[Code("icd10cm", "A04.7")] == "Enterocolitis due to Clostridium difficile"


def test_inclusion_terms_reach_the_codes_below() -> None:
    """A leaf without terms of its own has those of the category; a category named as its block ends the search."""
    names = list(other_names([Code("icd10cm", "A04.72"), Code("icd10cm", "C7A"), Code("icd10cm", "N0.SUCH")]))
    assert (Code("icd10cm", "A04.72"), "Clostridioides difficile colitis") in names
    assert {code for code, _ in names} == {Code("icd10cm", "A04.72")}


def test_short_titles_of_icd9_are_names_too() -> None:
    """CMS's abbreviations are what notes say, now and then."""
    assert (Code("icd9cm", "401.9"), "Hypertension NOS") in list(other_names([Code("icd9cm", "401.9")]))


def test_icd9_titles_name_the_icd10_codes_that_stand_for_the_same() -> None:
    """By the general equivalence mapping, long and short."""
    names = list(other_names([Code("icd10cm", "I10"), Code("icd10cm", "R06.6")]))
    assert (Code("icd10cm", "I10"), "Unspecified essential hypertension") in names
    assert (Code("icd10cm", "I10"), "Hypertension NOS") in names
