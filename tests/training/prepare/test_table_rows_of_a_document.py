"""Rows, ids and equal notes of a user's table: long tables, splits without a leak, cells that hold nothing."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import MalformedInput, MissingInput
from tests.training.prepare.small_tables import prepared
from training.prepare.equal_texts import joined_patients, text_digest
from training.prepare.table_columns import TableColumns

LONG = TableColumns("note", "icd", "id", "patient")


def write(folder: Path, *lines: str, name: str = "t.csv") -> Path:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def test_rows_of_one_id_are_one_document(tmp_path: Path) -> None:
    """A long table, one row a code: the codes in the order of the rows, each once."""
    source = write(
        tmp_path, "id,patient,note,icd", "a,p,First.,I10", "b,q,Second.,J18.9", "a,p,First. ,E11.9", "a,p,First.,I10"
    )
    found = prepared(source, LONG)
    assert found.codes() == [["I10", "E11.9"], ["J18.9"]]
    assert found.counted["rows"] == 4
    assert found.counted["rows joined to another row of their id"] == 2


@pytest.mark.parametrize(
    ("line", "what"), [("a,p,Other.,I10", "note"), ("a,q,First.,I10", "patient"), ("a,p,,I10", "note")]
)
def test_rows_of_one_id_must_agree(tmp_path: Path, line: str, what: str) -> None:
    """Both rows are named."""
    source = write(tmp_path, "id,patient,note,icd", "b,p,First.,I10", "a,p,First.,I10", line)
    with pytest.raises(MalformedInput, match=f"data rows 2 and 3 .* have one id but not one {what}"):
        prepared(source, LONG)


def test_repeated_notes_without_an_id_are_told(tmp_path: Path) -> None:
    """The remedy is --id; until then they stay in one split."""
    lines = [f"Note {number % 20}.,{code}" for number in range(60) for code in ("I10", "J18.9")]
    found = prepared(write(tmp_path, "note,icd", *lines), TableColumns("note", "icd"))
    splits = {(document.text, document.split) for document in found.documents.values()}
    assert len(splits) == 20
    assert len({split for _, split in splits}) == 3
    assert found.counted["documents with the note of another document"] == 120
    assert "--id" in found.warnings[0]


def test_equal_notes_of_several_patients_stay_together(tmp_path: Path) -> None:
    """Patients p and q share a note, q and r another one; blanks do not matter."""
    lines = ["1,p,Same  note.,I10", "2,q,Same note. ,I10", "3,q,Other.,J18.9", "4,r,Other.,E11.9"]
    more = [f"{number},s{number},Note {number}.,I10" for number in range(10, 60)]
    found = prepared(write(tmp_path, "id,patient,note,icd", *lines, *more), LONG)
    assert len({found.documents[one].split for one in "1234"}) == 1
    assert found.counted["documents with the note of another document"] == 4


def test_equal_notes_in_named_splits_are_counted(tmp_path: Path) -> None:
    """The user's splits are kept."""
    source = write(tmp_path, "note,icd,part", "Same.,I10,train", "Same.,I10,test", "Other.,I10,dev")
    found = prepared(source, TableColumns("note", "icd", split="part"))
    assert found.counted["texts in several splits"] == 1
    assert any(warning.startswith("1 text stands in more than one split") for warning in found.warnings)
    assert [one.split for one in found.documents.values()] == ["train", "test", "dev"]


@pytest.mark.parametrize("word", ["NULL", "nan", "None", "N/A", "<NA>", r"\N", "#NAME?", " "])
def test_a_note_that_says_nothing_is_none(tmp_path: Path, word: str) -> None:
    """Words of databases, data frames and spreadsheets."""
    found = prepared(write(tmp_path, "id,note,icd", f"a,{word},I10", "b,Text.,I10"))
    assert list(found.documents) == ["b"]
    assert found.counted["rows dropped: code but no text"] == 1
    assert found.counted["notes that are a word such as NULL or NaN, taken for none"] == (word != " ")


@pytest.mark.parametrize("value", ["10000.0", "1.2E+07", "1e+07", "10000,0", "7.00"])
def test_ids_written_as_fractions_are_refused(tmp_path: Path, value: str) -> None:
    """A data frame with gaps or a spreadsheet wrote them; 10000 would not be the same patient."""
    source = write(tmp_path, "id\tpatient\tnote\ticd", "a\tp\tFirst.\tI10", f"b\t{value}\tSecond.\tI10", name="t.tsv")
    with pytest.raises(MalformedInput, match="column 'patient' .* data row 2, an id written as a number with a frac"):
        prepared(source, LONG)


@pytest.mark.parametrize("value", ["12E5", "1.2.840.1", "A1.0", "10000", "5-0"])
def test_other_ids_are_kept(tmp_path: Path, value: str) -> None:
    """Wards, identifiers of DICOM, numbers."""
    assert list(prepared(write(tmp_path, "id,note,icd", f"{value},Text.,I10")).documents) == [value]


def test_a_float_column_of_ids_is_refused(tmp_path: Path) -> None:
    """In parquet."""
    pl.DataFrame({"id": [1.0, None], "note": ["A.", "B."], "icd": ["I10", None]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(MalformedInput, match="column 'id' .* an id written as a number with a fraction"):
        prepared(tmp_path / "t.parquet")


@pytest.mark.parametrize("word", ["NULL", "", "NaN"])
def test_an_id_that_says_nothing_is_refused(tmp_path: Path, word: str) -> None:
    """Strangers would become one patient."""
    with pytest.raises(MalformedInput, match="data row 2 of .* has nothing in the column 'patient'"):
        prepared(write(tmp_path, "id,patient,note,icd", "a,p,First.,I10", f"b,{word},Second.,I10"), LONG)


@pytest.mark.parametrize(
    ("note", "said"),
    [("chest\0pain", "NUL character at position 5"), ("x" * 1_000_001, "1000001 characters")],
    ids=["NUL", "long"],
)
def test_a_note_that_the_service_refuses_is_refused(tmp_path: Path, note: str, said: str) -> None:
    """With its data row, before any training."""
    with pytest.raises(MalformedInput, match=f"data row 2 of .*{said}"):
        prepared(write(tmp_path, "id,note,icd", "a,First.,I10", f"b,{note},I10"))


def test_notes_as_long_as_a_cell_of_excel_are_warned_of(tmp_path: Path) -> None:
    """They are cut at 32,767 characters."""
    found = prepared(write(tmp_path, "id,note,icd", f"a,{'x' * 32_767},I10"))
    assert found.warnings[0].startswith("1 notes have exactly 32,767 characters")


def test_several_columns_of_codes_keep_their_order(tmp_path: Path) -> None:
    """Repeated options or a list with commas; the principal diagnosis stays first."""
    source = write(tmp_path, "id;second;note;first", "a;E11.9;Text.;I10", "b;;Text too.;J18.9")
    for codes in (["first", "second"], ["first,second"], "first, second"):
        assert prepared(source, TableColumns("note", codes, "id")).codes() == [["I10", "E11.9"], ["J18.9"]]


def test_a_column_whose_name_has_a_comma(tmp_path: Path) -> None:
    """The whole name is looked for first."""
    source = write(tmp_path, "id;note;icd, all", "a;Text.;I10")
    assert prepared(source, TableColumns("note", "icd, all", "id")).codes() == [["I10"]]


def test_a_name_that_the_header_has_twice_is_refused(tmp_path: Path) -> None:
    """Blanks around it do not make it another one; columns that are not read may repeat."""
    with pytest.raises(MalformedInput, match="has several columns 'icd'"):
        prepared(write(tmp_path, "id,note,icd,icd ", "a,Text.,I10,E11.9"))
    assert prepared(write(tmp_path, "id,note,x,x,icd", "a,Text.,,,I10")).codes() == [["I10"]]


def test_a_column_that_a_data_frame_renamed_is_warned_of(tmp_path: Path) -> None:
    """pandas writes the second "icd" as "icd.1"; named, it is read."""
    source = write(tmp_path, "id,note,icd,icd.1", "a,Text.,I10,E11.9")
    assert "'icd.1' seems to be a second column" in prepared(source).warnings[0]
    both = prepared(source, TableColumns("note", ["icd", "icd.1"], "id"))
    assert (both.codes(), both.warnings) == ([["I10", "E11.9"]], ())


def test_a_guessed_encoding_is_warned_of(tmp_path: Path) -> None:
    """A named one is not."""
    (tmp_path / "t.csv").write_bytes("id,note,icd\na,Müller’s note in plain words,I10\n".encode("cp1252"))
    found = prepared(tmp_path / "t.csv")
    assert found.documents["a"].text.startswith("Müller’s")
    assert "read as Windows-1252" in found.warnings[0]
    assert prepared(tmp_path / "t.csv", encoding="cp1252").warnings == ()


def test_a_header_in_one_piece_asks_for_the_delimiter(tmp_path: Path) -> None:
    """A delimiter that is not looked for."""
    source = write(tmp_path, "id^note^icd", "a^Text.^I10")
    with pytest.raises(MissingInput, match=r"found: id\^note\^icd\): name its --delimiter"):
        prepared(source)
    assert prepared(source, delimiter="^").codes() == [["I10"]]


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    """Spark writes one under a file's name."""
    (tmp_path / "t.parquet").mkdir()
    with pytest.raises(MissingInput, match="is a folder"):
        prepared(tmp_path / "t.parquet")


def test_a_missing_column_of_several_is_named(tmp_path: Path) -> None:
    """The part of the list, not the whole."""
    with pytest.raises(MissingInput, match="has no column 'secnd'"):
        prepared(write(tmp_path, "id,note,icd", "a,Text.,I10"), TableColumns("note", "icd,secnd", "id"))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("12345678")), max_size=12))
def test_joined_patients_are_the_connected_ones(pairs: list[tuple[str, str]]) -> None:
    """A slow twin: join until nothing changes."""
    groups = [{subject} for subject in dict.fromkeys(subject for subject, _ in pairs)]
    changed = True
    while changed:
        changed = False
        for one in groups:
            for other in groups:
                texts = [{text for subject, text in pairs if subject in group} for group in (one, other)]
                if one is not other and texts[0] & texts[1]:
                    one |= other
                    groups.remove(other)
                    changed = True
                    break
            if changed:
                break
    found = joined_patients((subject, text.encode()) for subject, text in pairs)
    assert found == {subject: min(group) for group in groups for subject in group}


@given(
    st.lists(st.text(st.characters(exclude_categories=["Zs", "Cc"]), min_size=1)), st.sampled_from([" ", "\n", "\t "])
)
def test_blanks_do_not_change_a_digest(words: list[str], blank: str) -> None:
    """Line ends of another system or one space more."""
    assert text_digest(" ".join(words)) == text_digest(blank.join(words) + blank)
    assert text_digest(" ".join(words)) != text_digest(" ".join([*words, "x"]))
