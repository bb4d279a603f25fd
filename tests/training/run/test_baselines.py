"""The thresholds of baselines come from documents that are not reported."""

from pathlib import Path

import pytest

from model.dataset import Document, load_dataset
from tests.factories import write_tiny_dataset
from training.evaluation.linear_baseline import linear_scores
from training.evaluation.threshold_tuning import tune
from training.run.baselines import LINEAR, NEIGHBOURS, PRIOR, _parts, measured_baselines


def notes(subjects: list[str]) -> list[Document]:
    return [Document(f"n{place}", subject, "train", "text", ()) for place, subject in enumerate(subjects)]


def test_a_fifth_of_the_patients_is_kept_apart() -> None:
    """All notes of a patient on one side; a note without a patient counts as one."""
    learned, kept = _parts(notes([*(f"p{number % 20}" for number in range(40)), *[""] * 5]))
    assert len(learned) + len(kept) == 45
    assert {document.subject_id for document in learned}.isdisjoint({note.subject_id for note in kept} - {""})
    assert 5 <= len(kept) <= 13


@pytest.mark.parametrize("subjects", [["p"], ["p", "p", "p"], [""]])
def test_one_patient_cannot_be_divided(subjects: list[str]) -> None:
    """Then nothing is tuned."""
    assert _parts(notes(subjects)) == (notes(subjects), [])


def test_the_penalty_and_the_threshold_are_those_of_dev(tmp_path: Path) -> None:
    """Whatever the reported split holds: half of its documents give the same ones."""
    write_tiny_dataset(tmp_path / "data")
    dataset = load_dataset(tmp_path / "data")
    train, dev, test = (list(dataset.documents(split)) for split in ("train", "dev", "test"))
    found = measured_baselines(dataset, "test", test)
    fewer = measured_baselines(dataset, "test", test[: len(test) // 2])
    assert list(found) == [PRIOR, NEIGHBOURS, LINEAR]
    assert {name: each.threshold for name, each in found.items()} == {n: each.threshold for n, each in fewer.items()}
    texts = [[document.text for document in documents] for documents in (train, dev)]
    of_dev = linear_scores(texts[0], dataset.rows(train), texts[1], len(dataset.labels))
    thresholds = {tune("global", scores, dataset.rows(dev)).value for scores in of_dev.values()}
    assert found[LINEAR].threshold in thresholds


def test_dev_itself_is_not_what_its_threshold_is_tuned_on(tmp_path: Path) -> None:
    """A fifth of the training patients is: other dev documents leave it as it is."""
    write_tiny_dataset(tmp_path / "data")
    dataset = load_dataset(tmp_path / "data")
    dev = list(dataset.documents("dev"))
    whole, part = (measured_baselines(dataset, "dev", documents) for documents in (dev, dev[:2]))
    assert [each.threshold for each in whole.values()] == [each.threshold for each in part.values()]
    assert all(each.threshold is not None for each in whole.values())
