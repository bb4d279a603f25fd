"""The grammar of codes: one spelling of a code, whatever the form, and no code from anything else."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.icd import (
    ICD9CM,
    ICD9PCS,
    ICD10CM,
    ICD10PCS,
    NATIONAL_EDITIONS,
    SYSTEMS,
    Code,
    Fault,
    NoCode,
    normalise,
    normalise_cell,
    readings,
)
from training.prepare.icd_titles import icd9_earlier_titles, icd9_titles, icd10_titles, published_titles


@cache
def codes() -> list[Code]:
    """Every code of the installed tables."""
    return [*icd9_titles(), *icd10_titles(), *published_titles([ICD10CM]), *icd9_earlier_titles()]


def of(system: str) -> list[Code]:
    return [code for code in codes() if code.system == system]


SPELLINGS = {
    "as it is": lambda code: code,
    "no dot": lambda code: code.replace(".", ""),
    "small letters": str.lower,
    "blanks around": lambda code: f" \t{code}\n",
    "a dot at the end": lambda code: f"{code}.",
    "invisible": lambda code: f"\ufeff{code[:1]}\u200b{code[1:]}\u00ad",
    "full width": lambda code: code.translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)}),
}


@pytest.mark.parametrize("form", SPELLINGS)
def test_every_code_of_the_tables_is_read_in_every_spelling(form: str) -> None:
    """108,000 codes of four systems; ICD-10-PCS has no dot to leave out."""
    spelled = SPELLINGS[form]
    assert [code for code in codes() if normalise(code.system, spelled(code.code)) != code] == []


def test_a_procedure_with_its_dot_is_no_diagnosis() -> None:
    """39.61 is never 396.1; 1,593 procedures would become another valid code."""
    for code in of(ICD9PCS):
        with pytest.raises(NoCode) as refused:
            normalise(ICD9CM, code.code)
        assert refused.value.fault is Fault.DOT


def test_a_diagnosis_that_lost_its_zero_is_refused() -> None:
    """041.49 after a spreadsheet: "41.49"."""
    lost = [code.code.removeprefix("0") for code in of(ICD9CM) if code.code.startswith("0") and "." in code.code]
    assert len(lost) > 1000
    for code in lost:
        with pytest.raises(NoCode):
            normalise(ICD9CM, code)


def test_an_external_cause_with_its_dot_is_no_code_of_icd10() -> None:
    """E888.9 is never E88.89."""
    for code in of(ICD9CM):
        if code.code.startswith("E") and "." in code.code:
            with pytest.raises(NoCode):
                normalise(ICD10CM, code.code)


@settings(deadline=None)  # the first example reads the tables
@given(st.sampled_from(SYSTEMS), st.data())
def test_a_dot_elsewhere_is_refused(system: str, data: st.DataObject) -> None:
    """Wherever it is moved."""
    known = of(system) or [Code(system, "I48.9")]
    code = data.draw(st.sampled_from(known)).code
    bare = code.replace(".", "")
    place = data.draw(st.integers(0, len(bare) - 1))
    moved = f"{bare[:place]}.{bare[place:]}"
    if moved != code:
        with pytest.raises(NoCode):
            normalise(system, moved)


def slow_reads(system: str, text: str) -> str | None:
    """The code of a spelling without blanks, character by character, in ASCII capitals; None where it is none."""
    bare = text.removesuffix(".")
    digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    both = digits + letters
    if bare.replace(".", "") == "" or any(character not in both + "." for character in bare):
        return None
    if system == ICD9CM:
        head = ["E" + digits[:0], *[digits] * 3] if bare[0] == "E" else [digits + "V", digits, digits]
        tail = [digits] * (1 if bare[0] == "E" else 2)
    elif system == ICD9PCS:
        head, tail = [digits] * 2, [digits] * 2
    elif system in NATIONAL_EDITIONS:
        head, tail = [letters, digits, digits], [digits] * (3 if system == "icd10ca" else 2)
    else:
        raise AssertionError(system)
    before, dot, after = bare.partition(".")
    if not dot:
        before, after = bare[: len(head)], bare[len(head) :]
    if dot and (not after or len(before) != len(head)):
        return None
    if not dot and after and text != bare:  # "4019.": a number, as a data frame prints it
        return None
    if len(before) != len(head) or len(after) > len(tail):
        return None
    fits = all(c in allowed for c, allowed in zip(before + after, head + tail, strict=False))
    return f"{before}.{after}" if fits and after else before if fits else None


@given(
    st.sampled_from([ICD9CM, ICD9PCS, *NATIONAL_EDITIONS]),
    st.text("0123456789EVIXA.", min_size=1, max_size=7),
)
def test_the_grammar_is_that_of_a_slow_reader(system: str, text: str) -> None:
    """Which knows nothing of regular expressions."""
    try:
        found: str | None = normalise(system, text).code
    except NoCode:
        found = None
    assert found == slow_reads(system, text)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "text", ["hypertension", "(AS.THMA)", "I10:Y", "GENERAL", "CABG", "Z" * 4000, "I10/E11.9", "\u00b250"]
)
def test_words_are_no_codes_and_are_not_quoted(system: str, text: str) -> None:
    """The message may reach a screen."""
    with pytest.raises(NoCode) as refused:
        normalise(system, text)
    assert text.casefold() not in str(refused.value).casefold()


def test_faults_are_told_apart() -> None:
    """Each has another remedy."""
    faults = []
    for system, text in (
        (ICD9CM, " . "),
        (ICD9CM, "41.49"),
        (ICD10CM, "I10:Y"),
        (ICD10PCS, "0DTJ4Z.Z"),
        (ICD10CM, "E"),
    ):
        with pytest.raises(NoCode) as refused:
            normalise(system, text)
        faults.append(refused.value.fault)
    assert faults == [Fault.EMPTY, Fault.DOT, Fault.CHARACTERS, Fault.DOT, Fault.SHAPE]


def test_a_blank_cell_has_no_code() -> None:
    """Nor has one of dots."""
    assert normalise_cell(ICD9CM, " . \t") is None
    assert normalise_cell(ICD9CM, "0389") == Code(ICD9CM, "038.9")


def test_a_code_is_read_by_the_systems_whose_it_is() -> None:
    """In the order of the systems; the others pass over it."""
    assert list(readings([ICD9CM, ICD9PCS, ICD10CM], "4011")) == [Code(ICD9CM, "401.1"), Code(ICD9PCS, "40.11")]
    assert list(readings([ICD9CM, ICD10CM], "39.61")) == []


def test_an_unknown_system_is_named() -> None:
    """With those that are known."""
    with pytest.raises(ValueError, match="icd11.*icd9cm"):
        normalise("icd11", "1A00")
