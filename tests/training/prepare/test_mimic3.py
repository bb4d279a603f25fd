"""MIMIC-III to a dataset directory: the protocol on the miniature, and the open demo's real codes."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from model.dataset import Document, load_dataset
from model.errors import (
    EmptyDataset,
    InvalidOption,
    MalformedInput,
    MissingInput,
    OutputExists,
    UnwritableOutput,
)
from model.icd import Code
from tests.training.prepare.corpora import corpus, unpacked
from tests.training.prepare.mimic_mini import (
    CODES_HEADER,
    DIAGNOSES,
    NOTES,
    NOTES_HEADER,
    SUMMARY,
    csv_bytes,
    note,
    write_mimic,
)
from training.prepare.dataset_directory import Record
from training.prepare.mimic3 import find_tables, prepare_mimic3
from training.prepare.mimic_codes import read_codes


def prepare(source: Path, out: Path, **options: Any) -> dict[str, Document]:
    """Prepare and read back, by document id."""
    prepare_mimic3(source, out, show=lambda _: None, **options)
    return {document.document_id: document for document in load_dataset(out).documents()}


def rows(out: Path) -> dict[str, int]:
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return {row["step"]: row["rows"] for row in manifest["rows"]}


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    return write_mimic(tmp_path / "mimic")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_document_is_an_admission_with_a_summary_and_a_code(mimic: Path, out: Path) -> None:
    """Admissions without a summary (201) or without a code (300, 301) make no document."""
    documents = prepare(mimic, out)
    assert {key: document.subject_id for key, document in documents.items()} == {
        "100": "1",
        "101": "1",
        "200": "2",
    }


def test_summaries_of_an_admission_are_joined_report_first_then_by_date(mimic: Path, out: Path) -> None:
    """The report precedes its addendum and the earlier report the later; the text stays raw."""
    assert prepare(mimic, out)["100"].text == f"{SUMMARY} Second report. Addendum text."


def test_summaries_are_ordered_by_time_before_row(mimic: Path, out: Path) -> None:
    """CHARTTIME decides before ROW_ID."""
    assert prepare(mimic, out)["200"].text == "Early. Late."


def test_codes_are_strings_in_order_of_priority(mimic: Path, out: Path) -> None:
    """Diagnoses by SEQ_NUM, then procedures; repeats count once, empty codes go, 0066 never becomes 66."""
    assert prepare(mimic, out)["100"].codes == (
        Code("icd9cm", "E888.9"),
        Code("icd9cm", "401.9"),
        Code("icd9pcs", "00.66"),
        Code("icd9pcs", "38.93"),
    )


def test_the_rows_of_a_document_are_recorded(mimic: Path, out: Path) -> None:
    """ROW_IDs of the notes, in the order of the joined text; the reader of datasets ignores the column."""
    prepare(mimic, out)
    rows = pq.read_table(out / "documents.parquet", columns=["document_id", "source_rows"]).to_pylist()
    assert {row["document_id"]: row["source_rows"] for row in rows} == {"100": [3, 2, 1], "101": [6], "200": [8, 7]}
    assert load_dataset(out).manifest["source_rows"] == "ROW_ID of NOTEEVENTS"


def test_0066_and_66_are_different_labels(mimic: Path, out: Path) -> None:
    """PTCA and the chapter of salpingotomies keep a label each."""
    prepare(mimic, out)
    labels = load_dataset(out).labels
    assert labels.column(Code("icd9pcs", "00.66")) != labels.column(Code("icd9pcs", "66"))
    assert None not in {labels.column(Code("icd9pcs", "00.66")), labels.column(Code("icd9pcs", "66"))}


def test_the_sources_own_title_comes_first(mimic: Path, out: Path) -> None:
    """D_ICD names 038.9 in its own way; V45.81 has only the published title."""
    prepare(mimic, out)
    titles = {label.code: label.title for label in load_dataset(out).labels.labels}
    assert titles["038.9"] == "A title of its own"
    assert titles["V45.81"] == "Aortocoronary bypass status"
    assert titles["66"] == ""


def test_labels_are_sorted_and_counted_by_split(mimic: Path, out: Path) -> None:
    """The label table holds the codes of all splits in the order of (system, code)."""
    documents = prepare(mimic, out)
    labels = load_dataset(out).labels.labels
    assert [label.key for label in labels] == sorted({c for d in documents.values() for c in d.codes})
    counted = {label.key: (label.count_train, label.count_dev, label.count_test) for label in labels}
    for code, counts in counted.items():
        having = [document.split for document in documents.values() if code in document.codes]
        assert counts == tuple(having.count(split) for split in ("train", "dev", "test"))


def test_the_manifest_counts_every_step(mimic: Path, out: Path) -> None:
    """What was dropped, and why, is in the manifest."""
    prepare(mimic, out)
    counted = rows(out)
    assert counted["NOTEEVENTS rows"] == 10
    assert counted["NOTEEVENTS rows, Discharge summary"] == 9
    assert counted["Discharge summary rows dropped: no SUBJECT_ID or HADM_ID, or empty text"] == 1
    assert counted["DIAGNOSES_ICD rows dropped: no code"] == 2
    assert counted["code rows dropped: repeated in the admission"] == 1
    assert counted["admissions with a discharge summary"] == 5
    assert counted["admissions with a discharge summary and a code"] == 3
    assert counted["distinct codes in no ICD table"] == 1


def test_the_manifest_hashes_the_inputs(mimic: Path, out: Path) -> None:
    """Name and SHA-256 of every table."""
    prepare(mimic, out)
    source = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["source"]
    assert {entry["file"]: entry["sha256"] for entry in source} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in mimic.iterdir()
    }


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_names_and_compression_change_nothing(tmp_path: Path, lower: bool, compressed: bool) -> None:
    """Upper or lower case, .csv or .csv.gz: the same documents."""
    reference = prepare(write_mimic(tmp_path / "a"), tmp_path / "a-out")
    other = write_mimic(tmp_path / "b", lower=lower, compressed=compressed)
    assert prepare(other, tmp_path / "b-out") == reference


def test_the_seed_decides_the_split_and_patients_stay_together(tmp_path: Path) -> None:
    """Forty patients of two admissions: each in one split, the shares kept, another seed another split."""
    ids = [(str(s), str(1000 + 2 * s + k)) for s in range(40) for k in (0, 1)]
    notes = [note(n, s, h, "Text.") for n, (s, h) in enumerate(ids)]
    codes = [[str(n), s, h, "1", "4019"] for n, (s, h) in enumerate(ids)]
    source = write_mimic(tmp_path / "mimic", notes=notes, diagnoses=codes, procedures=[])
    first = prepare(source, tmp_path / "first", seed=1, dev_share=0.25, test_share=0.25)
    again = prepare(source, tmp_path / "again", seed=1, dev_share=0.25, test_share=0.25)
    other = prepare(source, tmp_path / "other", seed=2, dev_share=0.25, test_share=0.25)
    assert first == again
    assert first != other
    assert len({(d.subject_id, d.split) for d in first.values()}) == 40
    assert [d.split for d in first.values()].count("dev") == 20


def test_clean_keeps_codes_of_ten_admissions(tmp_path: Path, out: Path) -> None:
    """A code of ten admissions stays, one of nine goes, and so do admissions that had no other."""
    ids = range(100, 119)
    notes = [note(h, str(h), str(h), "Text.") for h in ids]
    codes = [[str(h), str(h), str(h), "1", "4019" if h < 110 else "311"] for h in ids]
    source = write_mimic(tmp_path / "mimic", notes=notes, diagnoses=codes, procedures=[])
    documents = prepare(source, out, labels="clean")
    assert sorted(documents) == [str(h) for h in range(100, 110)]
    assert {code for d in documents.values() for code in d.codes} == {Code("icd9cm", "401.9")}


def test_fifty_keeps_the_listed_codes(mimic: Path, tmp_path: Path, out: Path) -> None:
    """A published list names no systems: 38.93 is a procedure, 038.9 a diagnosis."""
    listed = tmp_path / "codes.txt"
    listed.write_text("38.93\n038.9\n999.9\n", encoding="utf-8")
    documents = prepare(mimic, out, labels="50", label_list=listed)
    assert {key: document.codes for key, document in documents.items()} == {
        "100": (Code("icd9pcs", "38.93"),),
        "200": (Code("icd9cm", "038.9"),),
    }
    assert rows(out)["codes listed in --label-list that no admission has"] == 1


def test_fifty_without_a_list_says_so(tmp_path: Path, out: Path) -> None:
    """The fifty most frequent codes of sixty; the manifest tells that no list was given."""
    codes = [[str(n), "1", "100", str(n), f"{400 + n}"] for n in range(60)]
    codes += [["99", "2", "200", str(n), f"{400 + n}"] for n in range(10, 60)]
    notes = [note(1, "1", "100", "Text."), note(2, "2", "200", "Text.")]
    prepare(write_mimic(tmp_path / "mimic", notes=notes, diagnoses=codes, procedures=[]), out, labels="50")
    dataset = load_dataset(out)
    assert [label.code for label in dataset.labels.labels] == [str(400 + n) for n in range(10, 60)]
    assert dataset.manifest["options"]["label_list"] == "the 50 most frequent codes"


def write_lists(folder: Path, **lists: str) -> Path:
    folder.mkdir()
    for split in ("train", "dev", "test"):
        (folder / f"{split}_full_hadm_ids.csv").write_text(lists.get(split, ""), encoding="utf-8")
    return folder


def test_published_lists_decide_the_split(mimic: Path, tmp_path: Path, out: Path) -> None:
    """Admissions in no list are dropped and counted; listed ones without a document are counted."""
    splits = write_lists(tmp_path / "splits", train="100\n101\n", test="777\n")
    documents = prepare(mimic, out, splits=splits)
    assert {key: document.split for key, document in documents.items()} == {"100": "train", "101": "train"}
    assert rows(out)["admissions dropped: in no published list"] == 1
    assert rows(out)["admissions in the published lists without a document"] == 1


def test_a_patient_in_two_splits_is_refused(mimic: Path, tmp_path: Path, out: Path) -> None:
    """Patient 1 has admissions in train and in dev."""
    splits = write_lists(tmp_path / "splits", train="100\n", dev="101\n")
    with pytest.raises(MalformedInput, match="patient 1 is in train and in dev"):
        prepare(mimic, out, splits=splits)
    assert not out.exists()


def test_lists_of_other_data_are_refused(mimic: Path, tmp_path: Path, out: Path) -> None:
    """Lists that match no admission are named, with an id of either side."""
    splits = write_lists(tmp_path / "splits", train="22595853\n")
    with pytest.raises(
        MalformedInput,
        match=r"train_full_hadm_ids.csv' match no admission \(they begin with 22595853, the data with 100\)",
    ):
        prepare(mimic, out, splits=splits)


def test_a_missing_folder_is_named(tmp_path: Path, out: Path) -> None:
    """--source that is not there."""
    with pytest.raises(MissingInput, match="nowhere' is not a folder"):
        prepare(tmp_path / "nowhere", out)


@pytest.mark.parametrize("table", ["NOTEEVENTS", "DIAGNOSES_ICD", "PROCEDURES_ICD"])
def test_a_missing_table_is_named(mimic: Path, out: Path, table: str) -> None:
    """Each of the three tables is needed."""
    (mimic / f"{table}.csv.gz").unlink()
    with pytest.raises(MissingInput, match=f"has no {table}.csv"):
        prepare(mimic, out)


def test_the_title_tables_may_be_absent(mimic: Path, out: Path) -> None:
    """The published titles stand in."""
    (mimic / "D_ICD_DIAGNOSES.csv.gz").unlink()
    (mimic / "D_ICD_PROCEDURES.csv.gz").unlink()
    prepare(mimic, out)
    titles = {label.code: label.title for label in load_dataset(out).labels.labels}
    assert titles["401.9"] == "Unspecified essential hypertension"


def test_a_missing_column_lists_those_found(mimic: Path, out: Path) -> None:
    """The message tells what the file has instead."""
    (mimic / "PROCEDURES_ICD.csv.gz").unlink()
    (mimic / "PROCEDURES_ICD.csv").write_text("ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,CODE\n", encoding="utf-8")
    with pytest.raises(
        MissingInput, match=r"no column ICD9_CODE \(found: ROW_ID, SUBJECT_ID, HADM_ID, SEQ_NUM, CODE\)"
    ):
        prepare(mimic, out)


def test_latin1_notes_are_refused_with_their_line(mimic: Path, out: Path) -> None:
    """The sentence names the line and the remedy, and no word of the note."""
    (mimic / "NOTEEVENTS.csv.gz").unlink()
    content = csv_bytes(NOTES_HEADER, [*NOTES, note(11, "1", "100", "SECRETWORD café")])
    (mimic / "NOTEEVENTS.csv").write_bytes(content.decode().encode("latin-1"))
    with pytest.raises(MalformedInput, match=r"not UTF-8 \(line \d+\).*iconv") as caught:
        prepare(mimic, out)
    assert "SECRETWORD" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_truncated_gz_is_refused(mimic: Path, out: Path) -> None:
    """A download that broke off is told from a whole file; nothing is left behind."""
    path = mimic / "NOTEEVENTS.csv.gz"
    many = [note(n, "1", "100", f"Text {n * 7919 % 1000}.") for n in range(2000)]
    path.write_bytes(gzip.compress(csv_bytes(NOTES_HEADER, many))[:-500])
    with pytest.raises(MalformedInput, match="breaks off or is damaged after line"):
        prepare(mimic, out)
    assert sorted(p.name for p in out.parent.iterdir()) == ["mimic"]


def test_an_unclosed_quote_is_refused_with_its_line(mimic: Path, out: Path) -> None:
    """A quote that swallows the rest of the file names the row where it opens."""
    (mimic / "NOTEEVENTS.csv.gz").unlink()
    header = ",".join(NOTES_HEADER)
    (mimic / "NOTEEVENTS.csv").write_text(
        f'{header}\n1,1,100,,,,Discharge summary,Report,,,"Open\n2,1,100,,,,Nursing,Report,,,Text\n',
        encoding="utf-8",
    )
    with pytest.raises(MalformedInput, match=r"the row that begins in line 2 of .* quote that is never closed"):
        prepare(mimic, out)


def test_a_row_cut_short_is_refused_with_its_line(mimic: Path, out: Path) -> None:
    """Fewer fields than the header, in the notes."""
    (mimic / "NOTEEVENTS.csv.gz").unlink()
    header = ",".join(NOTES_HEADER)
    (mimic / "NOTEEVENTS.csv").write_text(f"{header}\n1,1,100,,,,Discharge summary,Report\n", encoding="utf-8")
    with pytest.raises(MalformedInput, match=r"line 2 of .* has 8 fields, expected 11"):
        prepare(mimic, out)


def test_a_quote_left_open_among_many_rows_is_refused_with_its_line(mimic: Path, out: Path) -> None:
    """Row 6,001 of 12,000: every later quote opens where it should close."""
    (mimic / "NOTEEVENTS.csv.gz").unlink()
    rows = [f'{n},1,100,,,,Nursing,Report,,,"Said ""fine"",\nthen slept."\n' for n in range(1, 12_001)]
    rows[6_000] = rows[6_000].replace('slept."', "slept.")
    (mimic / "NOTEEVENTS.csv").write_text(",".join(NOTES_HEADER) + "\n" + "".join(rows), encoding="utf-8")
    with pytest.raises(MalformedInput, match=r"the row that begins in line 12,002 of .*NOTEEVENTS.csv' has"):
        prepare(mimic, out)


@pytest.mark.parametrize(("place", "line"), [(0, 2), (2_000, 2_002), (3_999, 4_001)])
def test_a_short_row_of_another_category_is_refused_too(mimic: Path, out: Path, place: int, line: int) -> None:
    """The reader fills it up without a word; the null in its last field gives it away."""
    (mimic / "NOTEEVENTS.csv.gz").unlink()
    rows = [f'{n},1,100,,,,Nursing,Report,,,"Slept."\n' for n in range(1, 4_001)]
    rows[place] = "7,1,100,,,,Nursing\n"
    (mimic / "NOTEEVENTS.csv").write_text(",".join(NOTES_HEADER) + "\n" + "".join(rows), encoding="utf-8")
    with pytest.raises(MalformedInput, match=rf"line {line:,} of .*NOTEEVENTS.csv' has 7 fields, expected 11"):
        prepare(mimic, out)


def test_an_admission_that_is_no_number_in_a_code_table_is_refused(tmp_path: Path, out: Path) -> None:
    """Table, column and data row are named."""
    source = write_mimic(tmp_path / "mimic", diagnoses=[*DIAGNOSES, ["9", "1", "1e2", "5", "4019"]])
    with pytest.raises(MalformedInput, match=r"HADM_ID in data row 9 of .*DIAGNOSES_ICD.csv.gz' is not a whole number"):
        prepare(source, out)


def test_an_admission_that_is_no_number_is_refused(tmp_path: Path, out: Path) -> None:
    """A HADM_ID saved by a data frame; the data row is named."""
    source = write_mimic(tmp_path / "mimic", notes=[*NOTES, note(11, "1", "100.0", "Text.")])
    with pytest.raises(MalformedInput, match="HADM_ID in data row 11 of"):
        prepare(source, out)


def test_mimic4_is_recognised_by_its_folders(tmp_path: Path, out: Path) -> None:
    """hosp/ and note/ are MIMIC-IV."""
    (tmp_path / "hosp").mkdir()
    with pytest.raises(MalformedInput, match="holds MIMIC-IV"):
        prepare(tmp_path, out)


def test_mimic4_is_recognised_by_its_columns(mimic: Path, out: Path) -> None:
    """icd_code and icd_version are MIMIC-IV, whatever the folder."""
    (mimic / "DIAGNOSES_ICD.csv.gz").write_bytes(
        gzip.compress(b"subject_id,hadm_id,seq_num,icd_code,icd_version\n1,100,1,I10,10\n")
    )
    with pytest.raises(MalformedInput, match="holds MIMIC-IV"):
        prepare(mimic, out)


def test_an_existing_output_is_kept(mimic: Path, out: Path) -> None:
    """Nothing is overwritten."""
    out.mkdir()
    (out / "precious").write_text("kept", encoding="utf-8")
    with pytest.raises(OutputExists):
        prepare(mimic, out)
    assert (out / "precious").read_text(encoding="utf-8") == "kept"


def test_an_unwritable_output_is_named(mimic: Path, tmp_path: Path) -> None:
    """A file stands where the parent folder should be."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UnwritableOutput, match="cannot write in"):
        prepare(mimic, tmp_path / "file" / "data")


def test_tables_that_share_no_admission_are_refused(tmp_path: Path, out: Path) -> None:
    """Summaries and codes of different admissions leave no document, and no folder."""
    source = write_mimic(tmp_path / "mimic", diagnoses=[["1", "9", "900", "1", "4019"]], procedures=[])
    with pytest.raises(EmptyDataset, match="no admission has both"):
        prepare(source, out)
    assert not out.exists()


@pytest.mark.parametrize("shares", [{"dev_share": -0.1}, {"test_share": 1.0}, {"dev_share": 0.5, "test_share": 0.5}])
def test_shares_that_leave_no_training_are_refused(mimic: Path, out: Path, shares: dict[str, float]) -> None:
    """The flag and its value are named."""
    with pytest.raises(InvalidOption, match="share"):
        prepare(mimic, out, **shares)


def test_a_label_list_needs_its_label_set(mimic: Path, out: Path) -> None:
    """--label-list with --labels full would be ignored: refused instead."""
    with pytest.raises(InvalidOption, match="--label-list is for --labels 50 and full-caml"):
        prepare(mimic, out, label_list=mimic / "x")


def test_notes_without_rows_show_the_other_tables(tmp_path: Path, out: Path) -> None:
    """The counts are shown, then one sentence on where notes come from."""
    source = write_mimic(tmp_path / "mimic", notes=[])
    shown: list[str] = []
    with pytest.raises(EmptyDataset, match=r"has no rows.*credentialed access at https://physionet.org"):
        prepare_mimic3(source, out, show=shown.append)
    assert any(line.split()[:3] == ["PROCEDURES_ICD", "3", "3"] for line in shown)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends_are_no_part_of_a_code(mimic: Path, out: Path, line_end: str) -> None:
    """A table saved on Windows gives the same codes."""
    (mimic / "DIAGNOSES_ICD.csv.gz").write_bytes(gzip.compress(csv_bytes(CODES_HEADER, DIAGNOSES, line_end)))
    assert prepare(mimic, out)["101"].codes == (Code("icd9cm", "V45.81"),)


@pytest.mark.corpus
def test_the_open_demo_is_read_and_has_no_notes(tmp_path: Path, out: Path) -> None:
    """581 diagnoses and 164 procedures, 20 of which begin with 0."""
    source = unpacked("mimic-iii-demo-1.4.tar.xz", "MIMIC-III-demo-1.4", tmp_path)
    shown: list[str] = []
    with pytest.raises(EmptyDataset, match="has no rows"):
        prepare_mimic3(source, out, show=shown.append)
    assert ["DIAGNOSES_ICD", "1,761", "581", "27", "icd9cm"] in [line.split() for line in shown]
    assert ["PROCEDURES_ICD", "506", "164", "20", "icd9pcs"] in [line.split() for line in shown]


@pytest.mark.corpus
def test_the_open_demos_leading_zeros_survive(tmp_path: Path) -> None:
    """Every procedure code of the demo is there with its dot after two characters."""
    source = unpacked("mimic-iii-demo-1.4.tar.xz", "MIMIC-III-demo-1.4", tmp_path)
    coded, _ = read_codes(find_tables(source), Record({}))
    procedures = {code.code for codes in coded.values() for code in codes if code.system == "icd9pcs"}
    assert len(procedures) == 164
    assert sum(code.startswith("0") for code in procedures) == 20
    assert all(code[2] == "." for code in procedures)


@pytest.mark.corpus
def test_published_lists_apply_to_tables(mimic: Path, out: Path) -> None:
    """The miniature is not MIMIC: the real lists match nothing and say so."""
    with pytest.raises(MalformedInput, match="match no admission"):
        prepare(mimic, out, splits=corpus("mimic-splits/caml"))


@pytest.mark.corpus
def test_the_open_demos_leading_zeros_reach_the_labels(tmp_path: Path, out: Path) -> None:
    """With an invented note for each of the demo's admissions: 20 of the 164 procedure labels begin with 0."""
    source = unpacked("mimic-iii-demo-1.4.tar.xz", "MIMIC-III-demo-1.4", tmp_path)
    coded, _ = read_codes(find_tables(source), Record({}))
    notes = [note(n, str(s), str(h), f"Invented note {n}.") for n, (s, h) in enumerate(coded, start=1)]
    (source / "NOTEEVENTS.csv").write_bytes(csv_bytes(NOTES_HEADER, notes))
    documents = prepare(source, out)
    procedures = [label.code for label in load_dataset(out).labels.labels if label.system == "icd9pcs"]
    assert len(procedures) == 164
    assert sum(code.startswith("0") for code in procedures) == 20
    assert sum(code.code == "00.66" for document in documents.values() for code in document.codes) == sum(
        Code("icd9pcs", "00.66") in codes for codes in coded.values()
    )
