"""A hospital's own titles of codes."""

from pathlib import Path

import pytest

from model.errors import MalformedInput, MissingInput
from model.icd import Code
from training.prepare.code_table import read_code_table


def write(folder: Path, *lines: str) -> Path:
    (folder / "codes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "codes.csv"


def test_titles_of_one_system(tmp_path: Path) -> None:
    """Codes in any spelling; other columns do not matter, nor the case of the header."""
    path = write(tmp_path, "Code;Title;valid", "I1000;Benigne Hypertonie;1", "e11.90;Diabetes, Typ 2 ;1")
    assert read_code_table(path, ["icd10gm"]) == {
        Code("icd10gm", "I10.00"): "Benigne Hypertonie",
        Code("icd10gm", "E11.90"): "Diabetes, Typ 2",
    }


def test_titles_of_several_systems(tmp_path: Path) -> None:
    """By a column; systems that were not named are left out."""
    path = write(tmp_path, "system,code,title", "icd10ca,I10.0,A", "ICD10CM,I10,B", "icd9cm,401.9,C")
    found = read_code_table(path, ["icd10ca", "icd10cm"])
    assert found == {Code("icd10ca", "I10.0"): "A", Code("icd10cm", "I10"): "B"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["code,title", "I10,A", "SECRET,B"], "data row 2 .* no code of icd10gm"),
        (["code,title", "I10,"], "data row 1 .* no code or no title"),
        (["code,title,system", "I10,A,icd11"], "data row 1 .* no known system"),
        (["code,title", "I10,A", "I10,B"], "data row 2 .* another title for a code"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, lines: list[str], said: str) -> None:
    """Without its words."""
    with pytest.raises(MalformedInput, match=said) as caught:
        read_code_table(write(tmp_path, *lines), ["icd10gm"])
    assert "SECRET" not in str(caught.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """Several systems need one more."""
    with pytest.raises(MissingInput, match="has 0 columns 'title'"):
        read_code_table(write(tmp_path, "code,name", "I10,A"), ["icd10gm"])
    with pytest.raises(MissingInput, match="has no column 'system'"):
        read_code_table(write(tmp_path, "code,title", "I10,A"), ["icd10gm", "icd10cm"])
