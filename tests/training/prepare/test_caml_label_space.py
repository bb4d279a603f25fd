"""The published, damaged label space: every step of the published pipeline that made it."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.dataset import load_dataset
from model.errors import InvalidOption, MalformedInput
from model.icd import Code
from tests.training.prepare.corpora import corpus
from tests.training.prepare.mimic_mini import write_mimic
from training.prepare import caml_label_space as caml_codes
from training.prepare.caml_label_space import listed_spelling, number_spelling, text_spelling
from training.prepare.icd_titles import icd9_titles
from training.prepare.mimic3 import prepare_mimic3

LIST = "401.9\n038.9\nE888.9\nV45.81\n66.\n66.0\n38.93\n11.\n"


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    return write_mimic(tmp_path / "mimic")


def prepare(mimic: Path, out: Path, listed: str = LIST, **options: Any) -> Any:
    label_list = mimic.parent / "list.txt"
    label_list.write_text(listed, encoding="utf-8")
    prepare_mimic3(mimic, out, labels="full-caml", label_list=label_list, show=lambda _: None, **options)
    return load_dataset(out)


@pytest.mark.parametrize(
    ("raw", "text", "number"),
    [
        ("0066", "66.", "66.0"),
        ("66", "66.", "66.0"),
        ("0331", "33.1", "33.1"),
        ("2630", "26.30", "26.3"),
        ("3893", "38.93", "38.93"),
        ("0011", "11.", "11.0"),
    ],
)
def test_a_code_read_as_a_number(raw: str, text: str, number: str) -> None:
    """Leading zeros go, the dot comes after two digits, and a second reading takes trailing zeros."""
    assert (text_spelling(raw), number_spelling(raw)) == (text, number)


def test_the_other_spelling_stands_in() -> None:
    """A list that holds only one of the two spellings."""
    assert listed_spelling("2630", True, {"26.3"}) == "26.3"
    assert listed_spelling("2630", False, {"26.30"}) == "26.30"
    assert listed_spelling("2630", False, {"26.30", "26.3"}) == "26.3"
    assert listed_spelling("2630", False, {"26.31"}) is None


def test_procedures_beside_diagnoses_stay_text(mimic: Path, tmp_path: Path) -> None:
    """In a small table all rows are in the first chunk, with the diagnoses: 0066 and 66 share the label "66."."""
    dataset = prepare(mimic, tmp_path / "out")
    codes = {document.document_id: document.codes for document in dataset.documents()}
    assert codes["100"][-2:] == (Code("icd9pcs", "66."), Code("icd9pcs", "38.93"))
    assert codes["200"] == (Code("icd9cm", "038.9"), Code("icd9pcs", "66."))


def test_procedures_in_a_chunk_of_their_own_become_numbers(
    mimic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight diagnosis rows, seven of admissions with a summary: chunks of four leave one procedure row as text."""
    monkeypatch.setattr(caml_codes, "CHUNK", 4)
    dataset = prepare(mimic, tmp_path / "out")
    codes = {document.document_id: document.codes for document in dataset.documents()}
    assert Code("icd9pcs", "66.") in codes["100"]
    assert Code("icd9pcs", "66.0") in codes["200"]


def test_the_label_space_is_the_list(mimic: Path, tmp_path: Path) -> None:
    """An entry that no admission has is a label without documents; its number is in the manifest."""
    dataset = prepare(mimic, tmp_path / "out")
    assert {label.code for label in dataset.labels.labels} == set(LIST.split())
    counted = {row["step"]: row["rows"] for row in dataset.manifest["rows"]}
    assert counted["codes listed in --label-list"] == 8
    assert counted["codes listed in --label-list that no admission with a summary has"] == 2


def test_a_damaged_label_has_the_title_of_its_most_frequent_code(mimic: Path, tmp_path: Path) -> None:
    """ "66." stands for PTCA and for a chapter without a title of its own."""
    titles = {label.code: label.title for label in prepare(mimic, tmp_path / "out").labels.labels}
    assert titles["66."] == "Percutaneous transluminal coronary angioplasty [PTCA]"


def test_the_manifest_names_the_defect(mimic: Path, tmp_path: Path) -> None:
    """The flag that training passes on and serving refuses."""
    assert "read as numbers" in prepare(mimic, tmp_path / "out").manifest["label_space_defect"]


def test_the_default_has_no_defect(mimic: Path, tmp_path: Path) -> None:
    """--labels full: no flag, and both 00.66 and 66."""
    prepare_mimic3(mimic, tmp_path / "out", show=lambda _: None)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert "label_space_defect" not in manifest


def test_the_list_is_needed(mimic: Path, tmp_path: Path) -> None:
    """The published space is a list, not a rule alone."""
    with pytest.raises(InvalidOption, match="--labels full-caml needs --label-list"):
        prepare_mimic3(mimic, tmp_path / "out", labels="full-caml", show=lambda _: None)


def test_a_code_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """A table with such a code would have been read as text by the published pipeline too."""
    source = write_mimic(tmp_path / "mimic", procedures=[["7", "1", "100", "1", "00A1"]])
    with pytest.raises(MalformedInput, match=r"ROW_ID 7 in .*PROCEDURES_ICD.* is not a number"):
        prepare(source, tmp_path / "out")


def test_a_list_with_a_header_is_refused(mimic: Path, tmp_path: Path) -> None:
    """The line is named."""
    with pytest.raises(MalformedInput, match=r"line 1 of .*list.txt' is not a code"):
        prepare(mimic, tmp_path / "out", "ICD9 codes:\n401.9\n")


@pytest.mark.corpus
def test_the_rule_explains_the_published_list() -> None:
    """Every procedure of the list but ten retired codes follows from a known code by the two spellings."""
    lines = corpus("icd/plm_icd_mimic3_full_codes_8921.txt").read_text(encoding="utf-8").split()
    procedures = {line for line in lines if 0 < line.find(".") <= 2}
    assert (len(lines), len(procedures)) == (8_921, 2_003)
    known = [code.code.replace(".", "") for code in icd9_titles() if code.system == "icd9pcs"]
    as_text, as_number = ({spell(raw) for raw in known} for spell in (text_spelling, number_spelling))
    assert len(procedures - as_text - as_number) == 10
    assert len((procedures & as_number) - as_text) == 72
    twice = {raw for raw in known if text_spelling(raw) != number_spelling(raw)} & {
        raw for raw in known if {text_spelling(raw), number_spelling(raw)} <= procedures
    }
    assert len({text_spelling(raw) for raw in twice}) == 49
