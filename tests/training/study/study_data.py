"""Small study data: labels that the features show, some documents without any."""

import numpy as np

from model.labels import Label, LabelSpace
from training.study.inputs import Part, StudyData


def part(number: int, labels: int = 4, seed: int = 0, subjects: int = 0) -> Part:
    """Documents with zero to three labels; each label raises a feature of its own."""
    random = np.random.default_rng(seed)
    rows = [np.sort(random.choice(labels, size=random.integers(0, 4), replace=False)) for _ in range(number)]
    features = random.normal(0, 0.5, (number, labels + 2)).astype(np.float32)
    for index, columns in enumerate(rows):
        features[index, columns] += 1
    names = [f"s{index % subjects}" if subjects else "" for index in range(number)]
    return Part(features, tuple(rows), np.array(names, dtype=str))


def study_data(labels: int = 4, image_shape: tuple[int, int] | None = None) -> StudyData:
    """40 training, 20 tuning and 30 judged documents."""
    space = LabelSpace(tuple(Label("test", f"{column:02d}", "") for column in range(labels)))
    parts = [part(number, labels, seed) for seed, number in enumerate((40, 20, 30))]
    return StudyData("tiny", space, *parts, "test", image_shape)
