"""The codes of a user's table: what is read, what is refused with which remedy, what is warned of."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InvalidOption, MalformedInput
from model.icd import SYSTEMS, Code
from tests.training.prepare.small_tables import CODED, prepared, write_codes
from training.prepare import table, table_codes
from training.prepare.code_cells import Change, Refusal
from training.prepare.table_codes import named_systems
from training.prepare.table_columns import TableColumns


@pytest.mark.parametrize(
    ("systems", "cells", "remedy"),
    [
        (["icd9cm"], ["250.00", "41.49", "401.9"], "export the codes as text where a spreadsheet"),
        (["icd9cm"], ["414.01 36.15", "486 96.71 38.93"], "--system icd9cm --system icd9pcs"),
        (["icd9cm"], ["428.0, I50.9", "486, J18.9"], "--system icd9cm --system icd10cm"),
        (["icd9cm"], ["I50.9", "J18.9"], r"do they belong to --system icd10cm\?"),
        (["icd10cm"], ["I48,91", "E11,9"], "decimal point instead of a comma"),
        (["icd10cm"], ["I10^Invented words^I10C", "E11.9^Others^I10C"], r"no code has the characters \^"),
        (["icd10cm"], ["I10 - Invented hypertension", "J18.9"], "write codes alone"),
        (["icd9cm", "icd9pcs"], ["0031"], "write the codes with their dots"),
    ],
)
def test_what_is_no_code_is_refused_with_its_row_and_a_remedy(
    tmp_path: Path, systems: list[str], cells: list[str], remedy: str
) -> None:
    """And nothing is written."""
    source = write_codes(tmp_path, cells)
    with pytest.raises(MalformedInput, match=f"pieces in the code cells .* data row [12] .*{remedy}"):
        prepared(source, CODED, *systems)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_no_refused_piece_is_shown(tmp_path: Path) -> None:
    """It may be words of a note, in the message and in what is written when it is dropped."""
    source = write_codes(tmp_path, ["I10 - Testy McTestface (asthma)", "J18.9"])
    with pytest.raises(MalformedInput) as caught:
        prepared(source)
    found = prepared(source, drop_invalid=True)
    assert found.codes() == [["I10"], ["J18.9"]]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("out*/*"))
    for word in ("TESTY", "MCTEST", "ASTHMA", "AS.THMA"):
        assert word not in str(caught.value).upper()
        assert word.encode() not in written.upper()


LETTERS = st.text(st.sampled_from("QWKUJßabcdefghijklmno(){}#$%"), min_size=3, max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(LETTERS.map("zq{}".format), min_size=1))
def test_no_random_piece_is_shown(words: list[str]) -> None:
    """Refused or dropped, not a part of it is in a message, a warning or a file."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "titles_for", lambda *_: {Code("icd10cm", "I10"): "Invented title"})
        patch.setattr(table_codes, "published_titles", lambda _: {})  # the real ones take a while
        source = write_codes(Path(folder), ["I10", *words])
        with pytest.raises(MalformedInput) as caught:
            prepared(source)
        found = prepared(source, drop_invalid=True)
        said = str(caught.value).replace(str(source), "") + "".join(found.warnings)
        manifest = next(Path(folder).rglob("manifest.json")).read_text(encoding="utf-8")
        for word in words:
            assert word.upper() not in said.upper()
            assert word.upper() not in manifest.upper()
        assert {code for codes in found.codes() for code in codes} == {"I10"}


def test_dropped_pieces_are_counted_by_reason(tmp_path: Path) -> None:
    """The row without a code that is left is counted too."""
    found = prepared(write_codes(tmp_path, ["I10; hypertension", "words only", "I10:Y E11.9"]), drop_invalid=True)
    assert found.codes() == [["I10"], ["I10", "E11.9"]]
    assert found.counted[f"codes dropped: {Refusal.SHAPE}"] == 3
    assert found.counted["rows dropped: no code"] == 1
    assert found.counted[f"pieces of code cells: {Change.PRESENT_ON_ADMISSION}"] == 1


def test_a_decimal_comma_is_refused_even_where_pieces_may_be_dropped(tmp_path: Path) -> None:
    """What stands before the comma has lost its subcode."""
    with pytest.raises(MalformedInput, match="decimal point"):
        prepared(write_codes(tmp_path, ["I48,91", "I10"]), drop_invalid=True)


def test_diagnoses_and_procedures_in_one_column(tmp_path: Path) -> None:
    """The dot tells them apart, as in CAML's tables."""
    found = prepared(write_codes(tmp_path, ["414.01;39.61;88.72", "486;96.71;250.00"]), CODED, *named_systems(["icd9"]))
    assert [[tuple(code) for code in one.codes] for one in found.documents.values()] == [
        [("icd9cm", "414.01"), ("icd9pcs", "39.61"), ("icd9pcs", "88.72")],
        [("icd9cm", "486"), ("icd9pcs", "96.71"), ("icd9cm", "250.00")],
    ]


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("version", ["9", "10", "ICD-9-CM", "10.0"]),
        ("date", ["2015-09-30", "2015-10-01", "2001-01-01 10:00:00", "2024-02-29"]),
    ],
)
def test_a_column_says_which_version_a_row_is_of(tmp_path: Path, column: str, rows: list[str]) -> None:
    """E11.9 is a code of ICD-10-CM alone, but V10.11 is one of both."""
    lines = [f"Note {number}.,V10.11,{value}\n" for number, value in enumerate(rows)]
    (tmp_path / "t.csv").write_text("note,icd,which\n" + "".join(lines))
    columns = TableColumns("note", "icd", **{column: "which"})
    found = prepared(tmp_path / "t.csv", columns, "icd9cm", "icd10cm")
    assert [one.codes[0].system for one in found.documents.values()] == ["icd9cm", "icd10cm", "icd9cm", "icd10cm"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("version", "11", "the value '11', expected 9 or 10"),
        ("version", "Testy McTestface", "a text, expected 9 or 10"),
        ("version", "", "nothing, expected 9 or 10"),
        ("date", "01.10.2015", "no date, expected one as 2015-10-01"),
    ],
)
def test_an_unknown_version_names_its_row(tmp_path: Path, column: str, value: str, said: str) -> None:
    """Of a date or of words nothing is shown."""
    (tmp_path / "t.csv").write_text(
        f"note,icd,which\nA.,I10,{'10' if column == 'version' else '2020-01-01'}\nB.,I10,{value}\n"
    )
    with pytest.raises(MalformedInput, match="the column 'which' .* in data row 2, " + said) as caught:
        prepared(tmp_path / "t.csv", TableColumns("note", "icd", **{column: "which"}))
    assert "Testy" not in str(caught.value)


def test_a_row_of_a_version_without_a_system(tmp_path: Path) -> None:
    """Refused with the system that is missing, or dropped."""
    (tmp_path / "t.csv").write_text("note,icd,v\nA.,I10,10\nB.,401.9,9\n")
    columns = TableColumns("note", "icd", version="v")
    with pytest.raises(MalformedInput, match="--system icd10cm --system icd9cm"):
        prepared(tmp_path / "t.csv", columns)
    assert prepared(tmp_path / "t.csv", columns, drop_invalid=True).codes() == [["I10"]]


def test_two_columns_for_the_version_are_refused() -> None:
    """They might disagree."""
    with pytest.raises(InvalidOption, match="leave one of them out"):
        TableColumns("note", "icd", version="v", date="d")


def test_most_codes_in_no_table_are_refused(tmp_path: Path) -> None:
    """By assignments: three of I10.00 outweigh two other codes."""
    with pytest.raises(
        MalformedInput,
        match="3 of the 5 assigned codes .* in no table of icd10cm: .*icd10who",
    ):
        prepared(write_codes(tmp_path, ["I10.00", "I10.00", "I10.00 J18.9", "E11.9"]))


def test_codes_that_fit_another_system_better_name_it(tmp_path: Path) -> None:
    """Undotted E11.9 has the form of an external cause of ICD-9-CM."""
    with pytest.raises(MalformedInput, match=r"do they belong to --system icd10cm\?"):
        prepared(write_codes(tmp_path, ["E119", "E785", "E039", "E876"]), CODED, "icd9cm")


def test_a_national_edition_keeps_its_codes(tmp_path: Path) -> None:
    """Its titles come from the hospital, and what has none is counted."""
    (tmp_path / "own.csv").write_text("code;title\nI10.00;Benigne essentielle Hypertonie\n", encoding="utf-8")
    source = write_codes(tmp_path, ["I10.00 G", "J18.9"])
    found = prepared(source, CODED, "icd10gm", code_table=tmp_path / "own.csv")
    assert found.codes() == [["I10.00"], ["J18.9"]]
    assert "--code-table" in found.warnings[0]


def test_lost_zeros_are_warned_of(tmp_path: Path) -> None:
    """4149 is a heart disease, and with its zero E. coli; a dot shows that no zero is missing."""
    (warning,) = prepared(write_codes(tmp_path, ["4149", "4280"]), CODED, "icd9cm").warnings
    assert "no ICD-9 code begins with 0" in warning
    assert prepared(write_codes(tmp_path, ["414.9", "428.0"]), CODED, "icd9cm").warnings == ()


def test_zeros_lost_at_the_end_are_warned_of(tmp_path: Path) -> None:
    """A spreadsheet makes 250 of 250.00 and 599 of 599.0; one code that ends with 0 shows that it did not."""
    warnings = prepared(write_codes(tmp_path, ["250", "599", "401.9", "486", "414.01"]), CODED, "icd9cm").warnings
    assert any("2 of the distinct codes are whole codes only with such zeros" in warning for warning in warnings)
    warnings = prepared(write_codes(tmp_path, ["250", "599", "428.0", "401.9"]), CODED, "icd9cm").warnings
    assert not any("whole codes only" in warning for warning in warnings)


def test_systems_by_name_list_and_group() -> None:
    """Each once, in the order named."""
    assert named_systems(["icd9", "icd10cm,ICD9CM"]) == ("icd9cm", "icd9pcs", "icd10cm")
    for wrong in (["icd11"], [","], []):
        with pytest.raises(InvalidOption):
            named_systems(wrong)


@given(st.lists(st.sampled_from(SYSTEMS), min_size=1))
def test_named_systems_are_kept(names: list[str]) -> None:
    """One by one or joined by commas."""
    assert named_systems(names) == named_systems([",".join(names)]) == tuple(dict.fromkeys(names))
