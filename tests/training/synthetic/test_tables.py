"""The written tables."""

import csv
import gzip
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from training.synthetic.tables import COLUMNS, write_tables

Rows = Callable[[str], list[dict[str, str]]]

PHYSIONET = {
    "NOTEEVENTS": "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT",
    "DIAGNOSES_ICD": "ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE",
    "PROCEDURES_ICD": "ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE",
    "D_ICD_DIAGNOSES": "ROW_ID,ICD9_CODE,SHORT_TITLE,LONG_TITLE",
    "D_ICD_PROCEDURES": "ROW_ID,ICD9_CODE,SHORT_TITLE,LONG_TITLE",
    "ADMISSIONS": "ROW_ID,SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ADMISSION_TYPE,ADMISSION_LOCATION,"
    "DISCHARGE_LOCATION,INSURANCE,LANGUAGE,RELIGION,MARITAL_STATUS,ETHNICITY,EDREGTIME,EDOUTTIME,DIAGNOSIS,"
    "HOSPITAL_EXPIRE_FLAG,HAS_CHARTEVENTS_DATA",
    "PATIENTS": "ROW_ID,SUBJECT_ID,GENDER,DOB,DOD,DOD_HOSP,DOD_SSN,EXPIRE_FLAG",
}


def _summaries(rows: Rows) -> list[dict[str, str]]:
    return [row for row in rows("NOTEEVENTS") if row["CATEGORY"] == "Discharge summary" and row["HADM_ID"]]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    """Every file, gzip header included."""
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        (tmp_path / name).mkdir()
        write_tables(tmp_path / name, 30, seed, lambda count: None)
    for table in COLUMNS:
        first, again, other = ((tmp_path / name / f"{table}.csv.gz").read_bytes() for name in "abc")
        assert first == again
        assert (first == other) == table.startswith("D_ICD")


def test_a_seed_writes_what_it_always_wrote(tmp_path: Path) -> None:
    """Figures in the documentation rest on these bytes: a change here is a new corpus, to be measured anew."""
    write_tables(tmp_path, 40, 1, lambda count: None)
    content = b"".join(gzip.decompress((tmp_path / f"{table}.csv.gz").read_bytes()) for table in sorted(COLUMNS))
    assert hashlib.sha256(content).hexdigest() == "2f6ea5878c56064d7a93bbc36c8e1315dedfa244cd011482d18f15893b1870c0"


def test_plain_tables_have_the_same_content(tmp_path: Path) -> None:
    """.csv instead of .csv.gz."""
    for name, plain in (("plain", True), ("packed", False)):
        (tmp_path / name).mkdir()
        write_tables(tmp_path / name, 12, 4, lambda count: None, plain)
    for table in COLUMNS:
        packed = (tmp_path / "packed" / f"{table}.csv.gz").read_bytes()
        assert (tmp_path / "plain" / f"{table}.csv").read_bytes() == gzip.decompress(packed)


@pytest.mark.parametrize("table", PHYSIONET)
def test_headers_are_those_of_physionet(rows: Rows, table: str) -> None:
    """Upper case, in the published order."""
    assert ",".join(rows(table)[0]) == PHYSIONET[table]


def test_progress_counts_every_admission(tmp_path: Path) -> None:
    """The bar ends at its total."""
    counts: list[int] = []
    write_tables(tmp_path, 25, 1, counts.append)
    assert sum(counts) == 25


@pytest.mark.parametrize(
    ("table", "codes"), [("DIAGNOSES_ICD", {"0389", "00845"}), ("PROCEDURES_ICD", {"0066", "0331"})]
)
def test_leading_zeros_survive(rows: Rows, table: str, codes: set[str]) -> None:
    """Codes are undotted strings."""
    found = {row["ICD9_CODE"] for row in rows(table)}
    assert codes <= found
    assert not any("." in code for code in found)


def test_external_causes_and_v_codes_are_there(rows: Rows) -> None:
    """Both letters of ICD-9."""
    letters = Counter(row["ICD9_CODE"][:1] for row in rows("DIAGNOSES_ICD"))
    assert letters["E"] > 20
    assert letters["V"] > 100


def test_every_code_has_a_title(rows: Rows) -> None:
    """The dictionaries hold the whole of ICD-9-CM."""
    for codes, titles in (("DIAGNOSES_ICD", "D_ICD_DIAGNOSES"), ("PROCEDURES_ICD", "D_ICD_PROCEDURES")):
        known = {row["ICD9_CODE"] for row in rows(titles)}
        assert {row["ICD9_CODE"] for row in rows(codes)} - {""} <= known


def test_some_codes_are_repeated_empty_or_missing(rows: Rows) -> None:
    """A code twice in an admission, rows without code, admissions without any."""
    diagnoses = rows("DIAGNOSES_ICD")
    repeated = Counter((row["HADM_ID"], row["ICD9_CODE"]) for row in diagnoses if row["ICD9_CODE"])
    assert max(repeated.values()) == 2
    assert any(row["ICD9_CODE"] == "" for row in diagnoses)
    coded = {row["HADM_ID"] for row in diagnoses if row["ICD9_CODE"]}
    assert 0 < len({row["HADM_ID"] for row in rows("ADMISSIONS")} - coded) < 30


def test_several_codes_are_rare(rows: Rows) -> None:
    """A long tail: many codes in five admissions or fewer."""
    counts = Counter(row["ICD9_CODE"] for row in rows("DIAGNOSES_ICD"))
    assert sum(count <= 5 for count in counts.values()) > 50
    assert max(counts.values()) > 150


def test_admissions_and_patients_agree(rows: Rows) -> None:
    """As many admissions as asked for, some patients with several."""
    stays = Counter(row["SUBJECT_ID"] for row in rows("ADMISSIONS"))
    assert sum(stays.values()) == 600
    assert sum(count > 1 for count in stays.values()) > 50
    assert {row["SUBJECT_ID"] for row in rows("PATIENTS")} == set(stays)


def test_deaths_are_told_alike_in_both_tables(rows: Rows) -> None:
    """EXPIRE_FLAG of a patient follows from the last admission."""
    expired = {row["SUBJECT_ID"] for row in rows("ADMISSIONS") if row["HOSPITAL_EXPIRE_FLAG"] == "1"}
    assert expired == {row["SUBJECT_ID"] for row in rows("PATIENTS") if row["EXPIRE_FLAG"] == "1"}
    assert expired


def test_times_have_the_form_of_version_1_4(rows: Rows) -> None:
    """'YYYY-MM-DD HH:MM:SS', in shifted years."""
    for row in rows("ADMISSIONS"):
        assert len(row["ADMITTIME"]) == len("2101-01-01 00:00:00")
        assert "2101" <= row["ADMITTIME"][:4] <= "2199"
        assert row["ADMITTIME"] < row["DISCHTIME"]


def test_an_admission_has_one_report_and_perhaps_addenda(rows: Rows) -> None:
    """Some addenda come before their report in the file, some admissions have no summary."""
    order: dict[str, list[str]] = defaultdict(list)
    for row in _summaries(rows):
        order[row["HADM_ID"]].append(row["DESCRIPTION"])
    assert all(kinds.count("Report") == 1 for kinds in order.values())
    assert sum("Addendum" in kinds for kinds in order.values()) > 30
    assert any(kinds[0] == "Addendum" for kinds in order.values())
    assert 550 < len(order) < 600


def test_other_notes_are_mixed_in(rows: Rows) -> None:
    """Other categories, notes without admission, notes flagged as errors."""
    notes = rows("NOTEEVENTS")
    assert {"Nursing", "Radiology", "ECG", "Physician "} <= {row["CATEGORY"] for row in notes}
    assert any(row["HADM_ID"] == "" for row in notes)
    assert any(row["ISERROR"] == "1" for row in notes)


def test_notes_are_not_sorted(rows: Rows) -> None:
    """Neither by admission nor by ROW_ID; no ROW_ID is lost."""
    ids = [int(row["ROW_ID"]) for row in rows("NOTEEVENTS")]
    assert ids != sorted(ids)
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_quoted_text_is_read_alike_by_csv_and_polars(tables: Path, rows: Rows) -> None:
    """Line feeds, commas, semicolons and double quotes are all there."""
    texts = [row["TEXT"] for row in rows("NOTEEVENTS")]
    frame = pl.read_csv(tables / "NOTEEVENTS.csv.gz", infer_schema=False)
    assert frame["TEXT"].to_list() == texts
    joined = "".join(row["TEXT"] for row in _summaries(rows)[:50])
    assert all(sign in joined for sign in ("\n", ",", ";", '"'))


def test_polars_reads_missing_admissions_as_null(tables: Path) -> None:
    """An empty field, not an empty string in quotes."""
    frame = pl.read_csv(tables / "NOTEEVENTS.csv.gz", infer_schema=False)
    assert frame["HADM_ID"].null_count() > 0


def test_people_are_obviously_made_up(rows: Rows) -> None:
    """Names that nobody has sign every summary."""
    names = ("Testy McTestface", "Fakename Samplepatient", "Placeholder Notreal")
    assert all(any(name in row["TEXT"] for name in names) for row in _summaries(rows) if row["DESCRIPTION"] == "Report")


def test_the_field_limit_of_csv_suffices(rows: Rows) -> None:
    """No note is longer than csv's default limit of 131,072 characters."""
    assert max(len(row["TEXT"]) for row in rows("NOTEEVENTS")) < 131_072 <= csv.field_size_limit()
