"""The measure of a first stage, against loops over notes and sets."""

import numpy as np
import pytest
import torch

from model.network.batch import batch_of_ids
from tests.training.tiny_notes import tiny_source, tiny_training_network
from training.options import TrainingOptions
from training.run.neighbour_agreement import embed_notes, neighbour_jaccard


def twin(embeddings: np.ndarray, rows: list[np.ndarray], subjects: list[str]) -> float:
    """Each note with a code: sort the notes of other patients, compare its set with the first ten."""
    values = []
    for i, row in enumerate(rows):
        others = [j for j in range(len(rows)) if j != i and (not subjects[i] or subjects[j] != subjects[i])]
        near = sorted(others, key=lambda j: -float(embeddings[i] @ embeddings[j]))[:10]
        if len(row) and near:
            s = set(row.tolist())
            values.append(np.mean([len(s & set(rows[j])) / len(s | set(rows[j])) for j in near]))
    return float(np.mean(values)) if values else 0.0


@pytest.mark.parametrize("notes", [1, 2, 9, 40])
def test_equals_its_loop_twin(notes: int) -> None:
    """With patients of two notes, unknown patients, and notes without codes."""
    random = np.random.default_rng(notes)
    embeddings = random.normal(size=(notes, 6)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = [np.flatnonzero(random.random(5) < 0.3) for _ in range(notes)]
    subjects = [f"p{place // 2}" if place % 5 else "" for place in range(notes)]
    assert neighbour_jaccard(embeddings, rows, subjects, 5) == pytest.approx(twin(embeddings, rows, subjects))


def test_like_beside_like_is_best() -> None:
    """Notes of the same codes in the same place have 1, notes of one patient alone have nobody to ask: 0."""
    embeddings = np.repeat(np.eye(2, dtype=np.float32), 11, axis=0)
    rows = [np.array([0])] * 11 + [np.array([1, 2])] * 11
    assert neighbour_jaccard(embeddings, rows, [f"p{place}" for place in range(22)], 3) == 1
    assert neighbour_jaccard(embeddings, rows, ["p"] * 22, 3) == 0


def test_embeddings_come_in_the_order_of_the_notes() -> None:
    """Though notes are read by length, a few at a time."""
    network, source = tiny_training_network(torch.float32), tiny_source()
    embeddings = embed_notes(network, source, TrainingOptions(encoder="tiny", batch_size=5), "cpu")
    for place, note in enumerate(source.source.notes):
        alone = network(batch_of_ids([note], source.source.pad_id)).embeddings[0].detach().numpy()
        np.testing.assert_allclose(embeddings[place], alone, atol=1e-5)
