"""A prepared dataset beside published statistics."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.dataset import Document
from model.errors import InvalidOption, MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, Code
from training.prepare.dataset_directory import Record, write_dataset
from training.verification.mimic3 import Check, verify_mimic3
from training.verification.published import MIMIC3, Published

HYPERTENSION, FALL, PTCA, ULCER = (
    Code(ICD9CM, "401.9"),
    Code(ICD9CM, "E888.9"),
    Code(ICD9PCS, "00.66"),
    Code(ICD9CM, "707.0"),
)
LISTS = {"source": "mimic3", "labels": "full", "splits": "published, edin form"}
SEEDED = {"source": "mimic3", "labels": "full", "splits": "by patient"}
DOCUMENTS = [
    Document("1", "p1", "train", "invented", (HYPERTENSION, PTCA)),
    Document("2", "p1", "train", "invented", (HYPERTENSION,)),
    Document("3", "p2", "dev", "invented", (HYPERTENSION, FALL)),
    Document("4", "p3", "test", "invented", (PTCA, ULCER)),
]
# Counted by hand on the four documents.
PUBLISHED = {
    "full": Published(
        documents={"train": (2,), "dev": (1,), "test": (1,)},
        codes={ICD9CM: 3, ICD9PCS: 1},
        assignments=7,
        means={"all": 1.75, "train": 1.5, "dev": 2.0, "test": 2.0},
        present={"train": 2, "dev": 2, "test": 2},
        unseen_in_test=1,
        bands=(2, 2, 0, 0, 0, 0),
        frequent_share=0.0,
        top_50_share=100.0,
        leading_zero_codes=1,
        leading_zero_assignments=2,
    )
}


def _data(folder: Path, documents: list[Document] = DOCUMENTS, options: dict[str, Any] = LISTS, **rows: int) -> Path:
    record = Record(options=options)
    for step, count in rows.items():
        record.count(step.replace("_", " "), count)
    write_dataset(folder / "data", documents, {}, record)
    return folder / "data"


def _differing(data: Path, published: dict[str, Published] = PUBLISHED) -> dict[str, Check]:
    return {check.name: check for check in verify_mimic3(data, published).checks if not check.agrees}


def test_everything_agrees(tmp_path: Path) -> None:
    """Documents, codes, assignments, means, presence, unseen codes, bands, leading zeros, patients."""
    verification = verify_mimic3(_data(tmp_path), PUBLISHED)
    assert verification.agrees
    found = {check.name: check.found for check in verification.checks}
    assert found["documents, train"] == 2
    assert found["assignments"] == 7
    assert found["codes a document"] == 1.75
    assert found["codes, icd9pcs"] == 1
    assert found["test codes never in train"] == 1
    assert found["codes with 0 training documents"] == 2
    assert found["codes with 1-10 training documents"] == 2
    assert found["assignments of these"] == 2
    assert len(verification.checks) == 27


def test_numeric_procedure_codes_are_named(tmp_path: Path) -> None:
    """0066 that became 66 leaves the totals alone and is found, with the reason."""
    spoilt = [
        replace(document, codes=tuple(Code(ICD9PCS, "66.") if code == PTCA else code for code in document.codes))
        for document in DOCUMENTS
    ]
    differing = _differing(_data(tmp_path, spoilt))
    assert set(differing) == {"procedure codes that begin with 0", "assignments of these"}
    assert "read as numbers" in differing["assignments of these"].meaning


def test_a_missing_document_is_found(tmp_path: Path) -> None:
    """It moves its split, the total, the assignments and the means."""
    differing = _differing(_data(tmp_path, [document for document in DOCUMENTS if document.document_id != "2"]))
    assert {"documents, train", "documents", "assignments", "codes a document, train"} <= set(differing)
    assert "documents, dev" not in differing


def test_a_patient_in_two_splits_is_found(tmp_path: Path) -> None:
    """Whatever the counts say."""
    leaking = [*DOCUMENTS[:3], replace(DOCUMENTS[3], subject_id="p1")]
    assert set(_differing(_data(tmp_path, leaking))) == {"patients in two splits"}


def test_a_seeded_split_is_compared_without_its_splits(tmp_path: Path) -> None:
    """Other documents in each split, the same all together; a remark says so."""
    moved = [replace(DOCUMENTS[0], split="dev"), replace(DOCUMENTS[1], split="dev"), *DOCUMENTS[2:]]
    verification = verify_mimic3(_data(tmp_path, moved, SEEDED), PUBLISHED)
    assert verification.agrees
    assert not any("train" in check.name or "test" in check.name for check in verification.checks)
    assert "seeded" in verification.remarks[0]


def test_rows_of_the_source_are_compared(tmp_path: Path) -> None:
    """Every label set of the data must come from the whole tables; lost addenda are told apart."""
    data = _data(tmp_path, **{"NOTEEVENTS_rows": 2_083_180, "NOTEEVENTS_rows,_Discharge_summary": 55_177})
    (check,) = _differing(data).values()
    assert check.expected == (59_652,)
    assert "addenda" in check.meaning


def test_either_of_two_published_sizes_is_right(tmp_path: Path) -> None:
    """CAML's lists with and without the four admissions that have no code."""
    either = replace(PUBLISHED["full"], documents={"train": (3, 2), "dev": (1,), "test": (1,)})
    verification = verify_mimic3(_data(tmp_path), {"full": either})
    assert verification.agrees
    assert any("no code" in remark for remark in verification.remarks)


def test_a_code_listed_twice_counts_once(tmp_path: Path) -> None:
    """An assignment is a pair of document and code."""
    doubled = [replace(DOCUMENTS[0], codes=(HYPERTENSION, HYPERTENSION, PTCA)), *DOCUMENTS[1:]]
    assert verify_mimic3(_data(tmp_path, doubled), PUBLISHED).agrees


@pytest.mark.parametrize("options", [{"source": "codiesp"}, {"source": "mimic3", "labels": "other"}, {}])
def test_other_data_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    """There is nothing published to compare it with."""
    with pytest.raises(InvalidOption, match="published statistics are known for"):
        verify_mimic3(_data(tmp_path, options=options), PUBLISHED)


def test_no_dataset_directory(tmp_path: Path) -> None:
    """The folder and the verb that makes one are named."""
    with pytest.raises(MissingInput, match="icd-coder prepare"):
        verify_mimic3(tmp_path)


def test_a_damaged_dataset(tmp_path: Path) -> None:
    """A file cut short is one clear error."""
    data = _data(tmp_path)
    (data / "documents.parquet").write_bytes((data / "documents.parquet").read_bytes()[:50])
    with pytest.raises(MalformedInput, match="cannot be read"):
        verify_mimic3(data)
    (data / "documents.parquet").unlink()
    with pytest.raises(MissingInput, match=r"documents\.parquet"):
        verify_mimic3(data)


def test_published_numbers_add_up() -> None:
    """The bands hold every code, the absent codes are those without a training document, the totals fit the mean."""
    full = MIMIC3["full"]
    codes = sum(full.codes.values())
    assert full.bands is not None
    assert sum(full.bands) == codes == 8_929
    assert full.bands[0] == codes - full.present["train"]
    documents = sum(sizes[0] for sizes in full.documents.values())
    assert documents == 52_722
    assert full.assignments is not None
    assert round(full.assignments / documents, 2) == full.means["all"]
    by_split = sum(full.documents[split][0] * full.means[split] for split in full.documents)
    assert by_split == pytest.approx(full.assignments, rel=0.005)
    assert sum(sizes[0] for sizes in MIMIC3["full-caml"].documents.values()) == 52_726
    assert sum(MIMIC3["full-caml"].codes.values()) == 8_921
    assert sum(sizes[0] for sizes in MIMIC3["50"].documents.values()) == 11_368
    assert sum(sizes[0] for sizes in MIMIC3["clean"].documents.values()) == 52_712
