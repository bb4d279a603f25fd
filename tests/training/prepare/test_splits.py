"""Published id lists in both forms."""

from pathlib import Path

import polars as pl
import pytest

from model.errors import MalformedInput, MissingInput
from tests.training.prepare.corpora import corpus
from training.prepare.splits import read_published, require_patients_apart


def write_caml(folder: Path, label_set: str = "full", dev: str = "3\n", test: str = "4\n") -> None:
    for split, ids in (("train", "1\n2\n"), ("dev", dev), ("test", test)):
        (folder / f"{split}_{label_set}_hadm_ids.csv").write_text(ids, encoding="utf-8")


def write_edin(path: Path) -> None:
    pl.DataFrame({"_id": [1, 2, 3, 4], "split": ["train", "train", "val", "test"]}).write_ipc(path)


def test_camls_lists_are_read(tmp_path: Path) -> None:
    """One id a line, the split in the file's name."""
    write_caml(tmp_path)
    assert read_published(tmp_path, "full").split_of == {1: "train", 2: "train", 3: "dev", 4: "test"}


@pytest.mark.parametrize("name", ["mimiciii_full_splits.feather", "renamed_full.bin", "anything"])
def test_edins_file_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    """Whatever its name; val is dev."""
    write_edin(tmp_path / name)
    published = read_published(tmp_path, "full")
    assert (published.form, published.split_of) == ("edin", {1: "train", 2: "train", 3: "dev", 4: "test"})


def test_the_label_set_chooses_among_lists(tmp_path: Path) -> None:
    """A folder with the lists of full and of 50."""
    write_caml(tmp_path, "full")
    write_caml(tmp_path, "50", dev="", test="")
    assert read_published(tmp_path, "50").split_of == {1: "train", 2: "train"}


def test_lists_of_another_label_set_are_not_taken(tmp_path: Path) -> None:
    """The message lists what is there."""
    write_caml(tmp_path, "full")
    with pytest.raises(MissingInput, match=r"no single set of lists for clean \(found: dev_full"):
        read_published(tmp_path, "clean")


def test_an_admission_in_two_splits_is_refused(tmp_path: Path) -> None:
    """Named with both splits."""
    write_caml(tmp_path, test="3\n")
    with pytest.raises(MalformedInput, match="admission 3 is in dev and in test"):
        read_published(tmp_path, "full")


def test_a_list_of_something_else_is_refused(tmp_path: Path) -> None:
    """A header or a text is no id."""
    write_caml(tmp_path, dev="HADM_ID\n3\n")
    with pytest.raises(MalformedInput, match=r"line 1 of .* is not an admission id"):
        read_published(tmp_path, "full")


def test_a_feather_of_something_else_is_refused(tmp_path: Path) -> None:
    """Another table in the same format."""
    pl.DataFrame({"x": [1]}).write_ipc(tmp_path / "full.feather")
    with pytest.raises(MalformedInput, match="expected _id and split"):
        read_published(tmp_path, "full")


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    """Only train, dev and test, in their usual spellings."""
    pl.DataFrame({"_id": [1], "split": ["holdout"]}).write_ipc(tmp_path / "full.feather")
    with pytest.raises(MalformedInput, match="names the split 'holdout'"):
        read_published(tmp_path, "full")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """--splits that is not there."""
    with pytest.raises(MissingInput, match="--splits is a folder"):
        read_published(tmp_path / "nowhere", "full")


def test_a_patient_in_one_split_passes() -> None:
    """Two documents of a patient in one split are fine, in two not."""
    require_patients_apart([("a", "train"), ("a", "train"), ("b", "dev")], "the lists")
    with pytest.raises(MalformedInput, match="patient a is in train and in dev by the lists"):
        require_patients_apart([("a", "train"), ("a", "dev")], "the lists")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("folder", "label_set", "form", "sizes"),
    [
        ("caml", "full", "caml", {"train": 47_723, "dev": 1_631, "test": 3_372}),
        ("caml", "50", "caml", {"train": 8_066, "dev": 1_573, "test": 1_729}),
        ("edin2023", "full", "edin", {"train": 47_719, "dev": 1_631, "test": 3_372}),
        ("edin2023", "50", "edin", {"train": 8_066, "dev": 1_573, "test": 1_729}),
        ("edin2023", "clean", "edin", {"train": 38_401, "dev": 5_577, "test": 8_734}),
        ("edin2023", "icd9", "edin", {"train": 154_542, "dev": 21_980, "test": 32_804}),
        ("edin2023", "icd10", "edin", {"train": 89_099, "dev": 13_378, "test": 19_802}),
    ],
)
def test_the_published_lists_have_the_published_sizes(
    folder: str, label_set: str, form: str, sizes: dict[str, int]
) -> None:
    """The real lists, both forms."""
    published = read_published(corpus(f"mimic-splits/{folder}"), label_set)
    assert (published.form, published.sizes) == (form, sizes)


@pytest.mark.corpus
def test_the_published_forms_differ_by_four_admissions() -> None:
    """CAML lists four code-less admissions that Edin leaves out."""
    caml = read_published(corpus("mimic-splits/caml"), "full").split_of
    edin = read_published(corpus("mimic-splits/edin2023"), "full").split_of
    assert caml.keys() - edin.keys() == {109963, 110220, 142890, 182252}
    assert all(caml[admission] == split for admission, split in edin.items())
