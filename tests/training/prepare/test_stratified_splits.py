"""The seeded split: by patient, every code in its share."""

import random
from collections import Counter

import pytest

from training.prepare.stratified_splits import stratified_splits

Documents = list[tuple[str, list[str]]]


def invented(patients: int, seed: int = 0) -> Documents:
    """Patients of one to three documents with codes of a Zipf law."""
    generator = random.Random(seed)
    return [
        (f"p{patient}", sorted({f"c{int(generator.paretovariate(0.7)) % 500}" for _ in range(12)}))
        for patient in range(patients)
        for _ in range(generator.randint(1, 3))
    ]


def test_every_patient_gets_one_split() -> None:
    """All subjects, and nobody else."""
    documents = invented(200)
    assert stratified_splits(documents, 0, 0.1, 0.1).keys() == {subject for subject, _ in documents}


def test_shares_are_kept_and_small_data_has_every_split() -> None:
    """A hundred patients in tenths; three patients one each."""
    split_of = stratified_splits([(str(n), ["x"]) for n in range(100)], 0, 0.1, 0.1)
    assert Counter(split_of.values()) == {"train": 80, "dev": 10, "test": 10}
    few = stratified_splits([(name, []) for name in "abc"], 0, 0.1, 0.1)
    assert sorted(few.values()) == ["dev", "test", "train"]


def test_a_share_of_zero_gets_nobody() -> None:
    """--test-share 0."""
    assert set(stratified_splits(invented(50), 0, 0.2, 0.0).values()) == {"train", "dev"}


def test_the_order_of_documents_does_not_matter() -> None:
    """The set of documents and the seed decide, and another seed decides otherwise."""
    documents = invented(80)
    assert stratified_splits(documents, 5, 0.2, 0.2) == stratified_splits(documents[::-1], 5, 0.2, 0.2)
    assert stratified_splits(documents, 5, 0.2, 0.2) != stratified_splits(documents, 6, 0.2, 0.2)


def spread(documents: Documents, split_of: dict[str, str]) -> float:
    """Mean distance of a code's share of test from 0.2, over codes of 20 documents and more."""
    total = Counter(code for _, codes in documents for code in codes)
    test = Counter(code for subject, codes in documents if split_of[subject] == "test" for code in codes)
    common = [code for code, count in total.items() if count >= 20]
    return sum(abs(test[code] / total[code] - 0.2) for code in common) / len(common)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_codes_are_spread_better_than_by_chance(seed: int) -> None:
    """At most half the distance of a split that only shuffles the patients."""
    documents = invented(3000, seed)
    subjects = sorted({subject for subject, _ in documents})
    random.Random(seed).shuffle(subjects)
    fifth = len(subjects) // 5
    shuffled = {subject: "test" if place < fifth else "train" for place, subject in enumerate(subjects)}
    assert spread(documents, stratified_splits(documents, seed, 0.2, 0.2)) < spread(documents, shuffled) / 2
