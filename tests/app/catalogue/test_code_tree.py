"""Subtrees of codes, beside a loop over the codes' spelling."""

import numpy as np
import pytest

from app.catalogue.code_tree import CodeTree
from model.errors import InvalidOption
from model.icd import Code
from model.labels import Label, LabelSpace

CODES = LabelSpace(
    tuple(
        Label(system, code, f"invented {code}")
        for system, code in [
            ("icd9cm", "401.9"),
            ("icd9cm", "410.71"),
            ("icd9cm", "E888.9"),
            ("icd9cm", "V45.81"),
            ("icd9pcs", "00.66"),
            ("icd9pcs", "40.1"),
            ("icd10cm", "I21"),
            ("icd10cm", "I21.01"),
            ("icd10cm", "I21.4"),
            ("icd10cm", "I22.0"),
            ("icd10cm", "V45.0"),
            ("icd10pcs", "0FB03ZX"),
        ]
    )
)
TREE = CodeTree(CODES)


def spelled(columns: np.ndarray) -> set[str]:
    return {CODES[column].code for column in columns.tolist()}


@pytest.mark.parametrize("label", CODES.labels, ids=lambda label: label.code)
def test_a_subtree_holds_what_begins_with_its_root(label: Label) -> None:
    """For every beginning of every code, in its system alone."""
    for length in range(1, len(label.code) + 1):
        prefix = label.code[:length].replace(".", "")
        slow = {
            each.code
            for each in CODES.labels
            if each.system == label.system and each.code.replace(".", "").startswith(prefix)
        }
        assert spelled(TREE.beneath(Code(label.system, label.code[:length]))) == slow


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("I21", Code("icd10cm", "I21")),
        ("i21.0", Code("icd10cm", "I21.0")),
        ("I2101", Code("icd10cm", "I21.01")),
        ("401", Code("icd9cm", "401")),
        ("E888", Code("icd9cm", "E888")),
        ("00", Code("icd9pcs", "00")),
        ("0FB", Code("icd10pcs", "0FB")),
        ("icd10cm:V45", Code("icd10cm", "V45")),
        ("icd9pcs:40", Code("icd9pcs", "40")),
    ],
)
def test_a_root_is_read_with_or_without_its_system(written: str, root: Code) -> None:
    """In any spelling of the code."""
    assert TREE.subtree(written) == root


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("I", "no category or code of icd9cm or"),
        ("icd10cm:I2", "no category or code of icd10cm"),
        ("icd9cm:E88", "no category or code of icd9cm"),
        ("I99", "no code under 'I99'"),
        ("icd9cm:I21", "no category or code of icd9cm"),
        ("I2.14", "no category or code of"),
        ("V45", "'V45' is in icd9cm and icd10cm"),
    ],
)
def test_what_is_no_root_is_refused(written: str, message: str) -> None:
    """With the next step."""
    with pytest.raises(InvalidOption, match=message):
        TREE.subtree(written)


def test_the_parent_is_the_nearest_code_above_or_the_category() -> None:
    """A category has none."""
    assert TREE.parent(Code("icd10cm", "I21.01")) == Code("icd10cm", "I21")
    assert TREE.parent(Code("icd9cm", "410.71")) == Code("icd9cm", "410")
    assert TREE.parent(Code("icd9cm", "E888.9")) == Code("icd9cm", "E888")
    assert TREE.parent(Code("icd10cm", "I21")) is None


def test_systems_and_subtrees_part_the_codes() -> None:
    """Exclusion wins; nothing asked is no mask."""
    assert TREE.allowed(None) is None
    kept = TREE.allowed(["icd10cm", "icd9cm"], ["I21", "401", "00"], ["I21.0"])
    assert kept is not None
    assert spelled(np.flatnonzero(kept)) == {"401.9", "I21", "I21.4"}
    with pytest.raises(InvalidOption, match="no code of icd9pcs"):
        CodeTree(LabelSpace(CODES.labels[:2])).allowed(["icd9pcs"])


def test_an_assigned_code_finds_its_system() -> None:
    """One that the bundle lacks needs its system."""
    assert TREE.code("4019", None) == Code("icd9cm", "401.9")
    assert TREE.code("z99.9", "icd10cm") == Code("icd10cm", "Z99.9")
    with pytest.raises(InvalidOption, match="name its system"):
        TREE.code("Z99.9", None)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            Code("icd9cm", "410.7"),
            "1 beneath it, such as 410.71 (invented 410.71): it is a category, or was",
        ),
        (Code("icd10cm", "I22"), "1 beneath it, such as I22.0 (invented I22.0)"),
        (Code("icd9cm", "999.9"), "neither the training notes nor the tables of the bundle have the code"),
        (Code("icd10gm", "I21.4"), "neither the training notes"),
    ],
)
def test_a_code_that_the_bundle_lacks_may_have_been_subdivided(code: Code, said: str) -> None:
    """As 780.6 was into 780.60 to 780.66."""
    assert said in TREE.why_lacking(code)


def test_labels_that_are_no_icd_codes_have_no_tree() -> None:
    """Each is its own category, whatever dots and beginnings it shares with others."""
    names = ["U.S. trials", "cell", "cell death"]
    tree = CodeTree(LabelSpace(tuple(Label("labels", name, name) for name in names)))
    assert tree.systems == ("labels",)
    for column, name in enumerate(names):
        label = Code("labels", name)
        assert tree.beneath(label).tolist() == [column]
        assert (tree.category(label), tree.parent(label), tree.children(label)) == (label, None, [])
    assert tree.beneath(Code("labels", "US trials")).tolist() == []
    with pytest.raises(InvalidOption, match="'I21' is no subtree: the labels of this bundle are no ICD codes"):
        tree.subtree("I21")
    allowed = tree.allowed(["labels"])
    assert allowed is not None
    assert allowed.all()


def test_labels_beside_icd_codes_leave_the_codes_as_they_are() -> None:
    """Systems in the order of ICD first; a subtree is one of ICD."""
    mixed = CodeTree(LabelSpace((*CODES.labels, Label("mesh", "C04", "Neoplasms"))))
    assert mixed.systems == (*TREE.systems, "mesh")
    assert mixed.subtree("I21") == Code("icd10cm", "I21")
    with pytest.raises(InvalidOption, match="the bundle has no code 'C04'"):
        mixed.code("C04", None)
