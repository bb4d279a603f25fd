"""Cells of codes as hospitals write them."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10GM, Code
from training.prepare.code_cells import (
    EXAMPLES,
    NULL_WORDS,
    Change,
    CodeColumn,
    Refusal,
    Resolved,
    without_leading_zeros,
)
from training.prepare.icd_titles import titles_for


@cache
def known(*systems: str) -> dict[Code, str]:
    """Titled codes of the systems."""
    return titles_for(systems, {})


def read(cell: str | list[str | None] | None, *systems: str, version: str | None = None) -> tuple[list[str], Resolved]:
    """Codes of one cell, and the whole column that it is."""
    column = CodeColumn(systems, known(*systems))
    numbers = column.add(cell, 1, version)
    resolved = column.resolve()
    return [code.code for code in resolved.codes(numbers)], resolved


@pytest.mark.parametrize(
    ("system", "cell", "codes"),
    [
        (ICD9CM, "4019;25000", ["401.9", "250.00"]),
        (ICD9CM, "486. 401.9", ["486", "401.9"]),
        (ICD10CM, "I10\u00a0; E11.9、J18.9|N18.9；D62", ["I10", "E11.9", "J18.9", "N18.9", "D62"]),
        (ICD10CM, "['I10', \"E11.9\"]", ["I10", "E11.9"]),
        (ICD10CM, "{I10,E11.9}", ["I10", "E11.9"]),
        (ICD10CM, '="I10"', ["I10"]),
        (ICD10CM, "'I10", ["I10"]),
        (ICD10CM, "[null, 'I10', NaN]", ["I10"]),
        (ICD10CM, "I10*; E11.4†, J18.9+ N18.9!", ["I10", "E11.4", "J18.9", "N18.9"]),
        (ICD10CM, "E11.-, I63-, E11.-+, J18.\u2013", ["E11", "I63", "J18"]),
        (ICD10CM, "I10:Y, E11.9^N; J18.9(U) D62:POA=W", ["I10", "E11.9", "J18.9", "D62"]),
        (ICD10CM, "I10 Y, E11.9 N", ["I10", "E11.9"]),
        (ICD10CM, "I10X ,E119 ||D62X", ["I10", "E11.9", "D62"]),
        (ICD10CM, "I10/E11.9, J18.9+N18.9&D62", ["I10", "E11.9", "J18.9", "N18.9", "D62"]),
        (ICD10CM, "T07.XXXA S72.001A", ["T07.XXXA", "S72.001A"]),
        (ICD10GM, "I10.90G; E11.90 V, M17.1 G L", ["I10.90", "E11.90", "M17.1"]),
        (ICD10GM, "I10.90 A; E11.90", ["E11.90"]),
        (ICD10CM, "I10, I10", ["I10"]),
    ],
)
def test_known_forms_are_read(system: str, cell: str, codes: list[str]) -> None:
    """Each as the code that is meant."""
    found, column = read(cell, system)
    assert found == codes
    assert column.refusals() == {}


@pytest.mark.parametrize(
    ("system", "cell", "reason"),
    [
        (ICD9CM, "41.49", Refusal.DOT),
        (ICD9CM, "39.61", Refusal.DOT),
        (ICD10CM, "E888.9", Refusal.DOT),
        (ICD9CM, "428,0", Refusal.DECIMAL_COMMA),
        (ICD9CM, "250,00", Refusal.DECIMAL_COMMA),
        (ICD9PCS, "39,61", Refusal.DECIMAL_COMMA),
        (ICD10CM, "I48,91", Refusal.DECIMAL_COMMA),
        (ICD10CM, "I10^Hypertension^I10C", Refusal.CHARACTERS),
        (ICD10CM, "{'code': 'I10'}", Refusal.CHARACTERS),
        (ICD10CM, "Hypertension", Refusal.SHAPE),
        (ICD10CM, "A1C", Refusal.SHAPE),
        (ICD9CM, "4.01E+02", Refusal.CHARACTERS),
    ],
)
def test_what_is_no_code_is_refused(system: str, cell: str, reason: Refusal) -> None:
    """With the reason, on which the remedy depends."""
    assert reason in read(cell, system)[1].refusals()


def test_words_after_a_code_are_refused() -> None:
    """The code before them is read, the row is not silently accepted."""
    codes, column = read("I10 - Essential hypertension (Asthma)", ICD10CM)
    assert codes == ["I10"]
    assert column.refusals()[Refusal.SHAPE].times == 3


def test_a_letter_is_cut_in_the_german_modification_alone() -> None:
    """A is an initial encounter in ICD-10-CM, where a code without a title keeps it."""
    assert read("E11.90G", ICD10GM)[0] == ["E11.90"]
    assert read("I10A", ICD10CM)[0] == ["I10.A"]


def test_the_dot_tells_diagnoses_from_procedures() -> None:
    """In a column with dots, one without is a whole category."""
    codes, column = read("401.9;39.61;96.71;486;V45.81;E888.9", ICD9CM, ICD9PCS)
    assert codes == ["401.9", "39.61", "96.71", "486", "V45.81", "E888.9"]
    assert column.refusals() == {}


def test_without_dots_a_code_of_both_is_refused() -> None:
    """4280 is no procedure; 4011 is a diagnosis, and 40.11 a procedure."""
    column = CodeColumn((ICD9CM, ICD9PCS), known(ICD9CM, ICD9PCS))
    first, second = column.add("4280", 1), column.add("4011", 7)
    resolved = column.resolve()
    assert [code.code for code in resolved.codes(first)] == ["428.0"]
    assert resolved.codes(second) == ()
    assert resolved.refusals()[Refusal.AMBIGUOUS].row == 7


def test_a_version_decides() -> None:
    """V45.81 is a code of both revisions, and row by row of one."""
    systems = (ICD9CM, ICD10CM)
    column = CodeColumn(systems, known(*systems))
    rows = [column.add("E8889", 1, "9"), column.add("E8889", 2, "10"), column.add("I10", 3, "9")]
    resolved = column.resolve()
    assert resolved.codes(rows[0]) == (Code(ICD9CM, "E888.9"),)
    assert resolved.codes(rows[1]) == (Code(ICD10CM, "E88.89"),)
    assert resolved.refusals()[Refusal.SHAPE].row == 3


def test_two_revisions_in_a_cell() -> None:
    """eICU writes both; each is told by its form."""
    codes, _ = read("428.0, I50.9", ICD9CM, ICD10CM)
    assert codes == ["428.0", "I50.9"]


def test_counts_are_of_assignments_and_name_the_first_row() -> None:
    """Not of distinct codes."""
    column = CodeColumn((ICD10CM,), known(ICD10CM))
    for row, cell in enumerate(["I10", "asthma I10", "asthma", "E11.-"], start=1):
        column.add(cell, row)
    resolved = column.resolve()
    assert (resolved.refusals()[Refusal.SHAPE].times, resolved.refusals()[Refusal.SHAPE].row) == (2, 2)
    assert resolved.changes()[Change.MARK] == 1
    assert resolved.assignments() == {Code(ICD10CM, "I10"): 2, Code(ICD10CM, "E11"): 1}


def test_a_resolved_column_shows_no_piece() -> None:
    """Its texts may be the words of a note; of the characters only punctuation is shown."""
    _, column = read("Zebra^disease~I10", ICD10CM)
    assert "ZEBRA" not in repr(column).upper()
    assert column.characters() == "^ ~"


def test_lost_zeros_are_counted() -> None:
    """Of refused pieces, and of codes that are others with a zero in front."""
    column = CodeColumn((ICD9CM,), known(ICD9CM))
    column.add("41.49; 38.93; 38.9; 401.9", 1)
    resolved = column.resolve()
    assert resolved.refused_without_zero((ICD9CM,), known(ICD9CM)) == 2
    assert resolved.refused_that_fit((ICD9PCS,), known(ICD9PCS)) == 1  # 38.93 is a procedure
    lost = [Code(ICD9PCS, "33.1"), Code(ICD9PCS, "74.4"), Code(ICD9CM, "038.9")]
    assert without_leading_zeros(lost, known(ICD9CM, ICD9PCS)) == [Code(ICD9PCS, "33.1"), Code(ICD9PCS, "74.4")]


def test_every_example_of_the_documentation_is_true() -> None:
    """What it shows is a change or a refusal that happens."""
    for system, cell, shows in EXAMPLES:
        _, column = read(cell, system)
        if shows in set(Refusal):
            assert shows in column.refusals(), cell
        elif shows in set(Change):
            assert shows in column.changes(), cell
            assert column.refusals() == {}
        else:
            assert column.refusals() == {}, cell


SEPARATORS = [";", ",", " ", "|", ", ", " ; ", "；", "、", "\t"]
DRESSES = ["{}", "{}*", "{}†", "{}:Y", "{}^N", "'{}'", '"{}"', "[{}]", "\u200b{}", " {} ", "{}."]


@given(st.lists(st.sampled_from(sorted(known(ICD10CM))), min_size=1, max_size=5), st.data())
def test_codes_of_the_tables_are_read_in_any_dress(codes: list[Code], data: st.DataObject) -> None:
    """Whatever separates them."""
    cell = ""
    for code in codes:
        dress = data.draw(st.sampled_from(DRESSES))
        bare = dress != "{}." and data.draw(st.booleans())
        written = code.code.replace(".", "") if bare else code.code
        cell += dress.format(written) + data.draw(st.sampled_from(SEPARATORS))
    found, column = read(cell, ICD10CM)
    assert found == list(dict.fromkeys(code.code for code in codes))
    assert column.refusals() == {}


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_never_half(text: str) -> None:
    """Every piece is codes, a known form, or a refusal; a code has the grammar of its system."""
    _, column = read(text, ICD10CM)
    for piece in column.reads:
        assert piece.codes or piece.changes or piece.refusal
        assert not (piece.codes and piece.refusal)


@pytest.mark.parametrize("word", sorted(NULL_WORDS))
def test_null_words_are_no_code(word: str) -> None:
    """In small letters too."""
    for cell in (word, word.lower(), [word, None]):
        codes, column = read(cell, ICD10CM)
        assert codes == []
        assert column.refusals() == {}
