"""CodiEsp to a dataset directory: an invented miniature, and the real archive."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.dataset import load_dataset
from model.errors import EmptyDataset, MalformedInput, MissingInput, OutputExists, UnwritableOutput
from model.icd import Code
from tests.training.prepare.corpora import unpacked
from training.prepare.codiesp import prepare_codiesp
from training.prepare.dictionary_file import read_dictionary


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two cases of one article and a case without codes in train, one case in dev."""
    root = tmp_path / "codiesp"
    write(root, "train", {"S1-1": "A test case.", "S1-2": "Another.", "S9-1": "Coded by nobody."})
    write(root, "dev", {"S2-1": "A dev case."})
    (root / "train" / "trainD.tsv").write_text("S1-1\tn44.8\nS1-1\ti10\nS1-1\tn44.8\nS1-2\tr52\n", encoding="utf-8")
    (root / "train" / "trainP.tsv").write_text("S1-1\tbw03zzz\nS1-1\tct13\n", encoding="utf-8")
    (root / "dev" / "devD.tsv").write_text("S2-1\ti10\n", encoding="utf-8")
    (root / "dev" / "devP.tsv").write_text("", encoding="utf-8")
    return root


def write(root: Path, split: str, texts: dict[str, str]) -> None:
    for folder, suffix in (("text_files_en", ""), ("text_files", " ES")):
        (root / split / folder).mkdir(parents=True)
        for case, text in texts.items():
            (root / split / folder / f"{case}.txt").write_text(text + suffix, encoding="utf-8")


def rows(out: Path) -> dict[str, int]:
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return {row["step"]: row["rows"] for row in manifest["rows"]}


def test_cases_with_text_and_codes_become_documents(source: Path, tmp_path: Path) -> None:
    """Codes upper case and dotted, repeats once, the article as the subject; a case without code goes."""
    prepare_codiesp(source, tmp_path / "out")
    documents = list(load_dataset(tmp_path / "out").documents())
    assert [(d.document_id, d.subject_id, d.split, d.text) for d in documents] == [
        ("S1-1", "S1", "train", "A test case."),
        ("S1-2", "S1", "train", "Another."),
        ("S2-1", "S2", "dev", "A dev case."),
    ]
    assert documents[0].codes == (Code("icd10cm", "N44.8"), Code("icd10cm", "I10"))
    assert rows(tmp_path / "out")["train, cases dropped: no code"] == 1


def test_both_tasks_join_their_codes(source: Path, tmp_path: Path) -> None:
    """Procedures have no dot, and a prefix of a procedure code stays as it is."""
    prepare_codiesp(source, tmp_path / "out", codes="both")
    first = load_dataset(tmp_path / "out").documents()[0]
    assert first.codes[2:] == (Code("icd10pcs", "BW03ZZZ"), Code("icd10pcs", "CT13"))


def test_the_language_chooses_the_folder(source: Path, tmp_path: Path) -> None:
    """Spanish texts for es."""
    prepare_codiesp(source, tmp_path / "out", language="es")
    assert load_dataset(tmp_path / "out").documents()[0].text == "A test case. ES"


@pytest.mark.parametrize("language", ["en", "es"])
def test_files_of_macos_are_passed_over_and_counted(source: Path, tmp_path: Path, language: str) -> None:
    """An archive that a Mac unpacked gives the same documents, and says what it passed over."""
    prepare_codiesp(source, tmp_path / "clean", language)
    for path in list(source.rglob("*.txt")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7Mac OS X \xff\xfe")
    (source / "train" / "text_files" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1\xff")
    written = prepare_codiesp(source, tmp_path / "mac", language)
    assert written.documents == {"train": 2, "dev": 1, "test": 0}
    assert rows(tmp_path / "mac")["train, text files dropped: their name begins with a dot"] == 3
    assert rows(tmp_path / "clean")["train, text files dropped: their name begins with a dot"] == 0
    documents = [(tmp_path / name / "documents.parquet").read_bytes() for name in ("clean", "mac")]
    assert documents[0] == documents[1]


def test_a_spanish_dataset_has_a_dictionary(source: Path, tmp_path: Path) -> None:
    """Of every text that is there in both languages, unlabelled ones too; an English dataset needs none."""
    write(source, "background", {})
    pairs = {"B1": ("Dolor renal.", "Renal pain."), "B2": ("Dolor.", "Pain."), "B3": ("Fiebre.", "Fever.")}
    for case, texts in pairs.items():
        for folder, text in zip(("text_files", "text_files_en"), texts, strict=True):
            (source / "background" / folder / f"{case}.txt").write_text(text, encoding="utf-8")
    prepare_codiesp(source, tmp_path / "es", language="es")
    prepare_codiesp(source, tmp_path / "en")
    assert read_dictionary(tmp_path / "es")["fiebr"] == {"fever": 1.0}
    assert read_dictionary(tmp_path / "es")["dolor"]["pain"] == 1.0
    assert read_dictionary(tmp_path / "en") == {}


def test_test_is_read_where_its_gold_is_there(source: Path, tmp_path: Path) -> None:
    """A test folder without tables is passed over, with tables it is the test split."""
    write(source, "test", {"S3-1": "A held-out case."})
    prepare_codiesp(source, tmp_path / "without")
    (source / "test" / "testD.tsv").write_text("S3-1\tr52\n", encoding="utf-8")
    prepare_codiesp(source, tmp_path / "with")
    assert load_dataset(tmp_path / "without").split_sizes == {"train": 2, "dev": 1}
    assert load_dataset(tmp_path / "with").split_sizes == {"train": 2, "dev": 1, "test": 1}


def test_titles_and_codes_without_one(source: Path, tmp_path: Path) -> None:
    """A procedure code has its title; a prefix of one is in no table and is reported."""
    written = prepare_codiesp(source, tmp_path / "out", codes="procedures")
    assert written.untitled == (Code("icd10pcs", "CT13"),)
    titles = {label.code: label.title for label in load_dataset(tmp_path / "out").labels.labels}
    assert titles["BW03ZZZ"] == "Plain Radiography of Chest"


def test_an_article_in_two_splits_is_counted(source: Path, tmp_path: Path) -> None:
    """The published splits share articles; the manifest tells how many."""
    (source / "dev" / "text_files_en" / "S1-3.txt").write_text("A third.", encoding="utf-8")
    (source / "dev" / "devD.tsv").write_text("S2-1\ti10\nS1-3\ti10\n", encoding="utf-8")
    prepare_codiesp(source, tmp_path / "out")
    assert rows(tmp_path / "out")["articles with cases in several splits"] == 1


def test_the_manifest_changes_with_a_text(source: Path, tmp_path: Path) -> None:
    """One hash stands for the texts of a split; another text gives another."""
    prepare_codiesp(source, tmp_path / "one")
    (source / "train" / "text_files_en" / "S1-1.txt").write_text("A changed case.", encoding="utf-8")
    prepare_codiesp(source, tmp_path / "two")
    one, two = (
        {e.get("file", e.get("folder")): e["sha256"] for e in load_dataset(tmp_path / name).manifest["source"]}
        for name in ("one", "two")
    )
    assert {name for name in one if one[name] != two[name]} == {"train/text_files_en"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """--source that is not there."""
    with pytest.raises(MissingInput, match="is not a folder: unpack the CodiEsp archive"):
        prepare_codiesp(tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.parametrize("path", ["train/trainD.tsv", "dev/devD.tsv"])
def test_a_missing_table_is_named(source: Path, tmp_path: Path, path: str) -> None:
    """Each table is needed."""
    (source / path).unlink()
    with pytest.raises(MissingInput, match=f"{path}' is missing"):
        prepare_codiesp(source, tmp_path / "out")


def test_a_text_in_another_encoding_is_refused(source: Path, tmp_path: Path) -> None:
    """The file and the remedy are named; nothing is left behind."""
    (source / "dev" / "text_files_en" / "S2-1.txt").write_bytes("Dolor en el baño".encode("latin-1"))
    with pytest.raises(MalformedInput, match=r"S2-1.txt' is not UTF-8 \(byte 14\).*iconv"):
        prepare_codiesp(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["codiesp"]


def test_a_table_of_another_form_is_refused(source: Path, tmp_path: Path) -> None:
    """The line is named."""
    (source / "dev" / "devD.tsv").write_text("S2-1\ti10\nS2-1,r52\n", encoding="utf-8")
    with pytest.raises(MalformedInput, match=r"line 2 of .*devD.tsv' has 1 fields"):
        prepare_codiesp(source, tmp_path / "out")


def test_no_case_left_is_refused(source: Path, tmp_path: Path) -> None:
    """Tables that name no case that has a text."""
    for table in ("train/trainD.tsv", "dev/devD.tsv"):
        (source / table).write_text("S7-1\ti10\n", encoding="utf-8")
    with pytest.raises(EmptyDataset, match="has a text and a code"):
        prepare_codiesp(source, tmp_path / "out")


def test_an_existing_output_is_refused(source: Path, tmp_path: Path) -> None:
    """A second run into the same folder."""
    prepare_codiesp(source, tmp_path / "out")
    with pytest.raises(OutputExists):
        prepare_codiesp(source, tmp_path / "out")


def test_an_unwritable_output_is_named(source: Path, tmp_path: Path) -> None:
    """A file stands where the parent folder should be."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UnwritableOutput, match="cannot write in"):
        prepare_codiesp(source, tmp_path / "file" / "out")


@pytest.mark.corpus
def test_the_real_corpus_has_its_published_counts(tmp_path: Path) -> None:
    """500 and 250 cases, 11.3 distinct diagnoses a training case.

    Without the background's cases, which count for nothing here and take a minute to align.
    """
    source = unpacked("codiesp.tar.xz", "codiesp", tmp_path)
    (tmp_path / "annotated").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "annotated" / split).symlink_to(source / split)
    prepare_codiesp(tmp_path / "annotated", tmp_path / "out")
    dataset = load_dataset(tmp_path / "out")
    assert dataset.split_sizes == {"train": 500, "dev": 250}
    assert np.mean([len(document.codes) for document in dataset.documents("train")]) == pytest.approx(11.3, abs=0.05)
    assert len(dataset.labels) == 2194
    assert rows(tmp_path / "out")["articles with cases in several splits"] == 15


SPANISH = "El paciente ficticio tenía fiebre. Se vio una neumonía grave."
ENGLISH = "The fictional patient had fever. A severe pneumonia was seen."


def annotated(source: Path, offsets: str) -> Path:
    """The source with one annotated case, S1-1, and unlabelled texts that teach words."""
    train = source / "train"
    (train / "text_files" / "S1-1.txt").write_text(SPANISH, encoding="utf-8")
    (train / "text_files_en" / "S1-1.txt").write_text(ENGLISH, encoding="utf-8")
    row = f"S1-1\tDIAGNOSTICO\tn44.8\tneumonía\t{offsets}\n"
    procedure = "S1-1\tPROCEDIMIENTO\tbw03zzz\tfiebre\t27 33\nS7-1\tDIAGNOSTICO\tn44.8\tnadie\t0 4\n"
    (train / "trainX.tsv").write_text(row + procedure, encoding="utf-8")
    write(source, "background", {})
    for n, (spanish, english) in enumerate([("neumonía", "pneumonia"), ("Tenía fiebre", "Had fever")] * 3):
        (source / "background" / "text_files" / f"b{n}.txt").write_text(spanish, encoding="utf-8")
        (source / "background" / "text_files_en" / f"b{n}.txt").write_text(english, encoding="utf-8")
    return source


@pytest.mark.parametrize(("language", "words"), [("es", "neumonía"), ("en", "pneumonia")])
def test_annotated_spans_become_evidence(source: Path, tmp_path: Path, language: str, words: str) -> None:
    """Of the tasks that are prepared only; found again in the translation; none for a case that nobody marked."""
    start = SPANISH.index("neumonía")
    prepare_codiesp(annotated(source, f"{start} {start + 8};5 5"), tmp_path / "out", language)
    first, second, _ = load_dataset(tmp_path / "out").documents()
    assert [(span.code, first.text[span.start : span.end]) for span in first.evidence or ()] == [
        (Code("icd10cm", "N44.8"), words)
    ]
    assert second.evidence == ()


@pytest.mark.parametrize("offsets", ["5 900", "9 5", "a b", "5"])
def test_offsets_outside_of_the_text_are_refused(source: Path, tmp_path: Path, offsets: str) -> None:
    """The line is named, the text is not."""
    with pytest.raises(
        MalformedInput, match=r"line 1 of .*trainX.tsv' has offsets outside of the Spanish text"
    ) as error:
        prepare_codiesp(annotated(source, offsets), tmp_path / "out")
    assert "neumon" not in str(error.value)


def test_an_annotation_of_another_form_is_refused(source: Path, tmp_path: Path) -> None:
    """Four fields."""
    (source / "train" / "trainX.tsv").write_text("S1-1\tDIAGNOSTICO\tn44.8\t1 2\n", encoding="utf-8")
    with pytest.raises(MalformedInput, match="line 1 of .* does not have case, kind, code, words and offsets"):
        prepare_codiesp(source, tmp_path / "out")
