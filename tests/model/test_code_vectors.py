"""Code vectors against a plain computation over dictionaries."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.code_vectors import LEAST_PROBABILITY, CodeVector, CodeVectors

SIZE = 30
WEIGHTS = np.linspace(0.5, 3.0, SIZE).astype(np.float32)
VECTORS = CodeVectors(WEIGHTS, 0.9)
Sets = st.lists(st.integers(0, SIZE - 1), max_size=12)


def cosine(one: CodeVector, other: CodeVector) -> float:
    values = dict(zip(one.columns.tolist(), one.values.tolist(), strict=True))
    return sum(
        values.get(column, 0.0) * value for column, value in zip(other.columns.tolist(), other.values, strict=True)
    )


@given(Sets, Sets)
def test_the_cosine_of_two_sets_is_what_they_share_over_the_geometric_mean_of_both(
    one: list[int], two: list[int]
) -> None:
    squares = {column: float(WEIGHTS[column]) ** 2 for column in range(SIZE)}
    shared = sum(squares[column] for column in set(one) & set(two))
    sizes = [sum(squares[column] for column in set(columns)) for columns in (one, two)]
    expected = shared / math.sqrt(sizes[0] * sizes[1]) if all(sizes) else 0.0
    found = cosine(VECTORS.assigned(np.array(one, dtype=int)), VECTORS.assigned(np.array(two, dtype=int)))
    assert found == pytest.approx(expected, abs=1e-6)


@given(st.permutations(range(SIZE)), st.lists(st.floats(0, 1), min_size=1, max_size=SIZE))
def test_a_predicted_vector_is_a_unit_row_in_the_proportion_of_probability_and_weight(
    order: list[int], probabilities: list[float]
) -> None:
    columns, given_probabilities = np.array(order[: len(probabilities)]), np.array(probabilities)
    vector = VECTORS.predicted(columns, given_probabilities)
    likely = {c: p * float(WEIGHTS[c]) for c, p in zip(order, probabilities, strict=False) if p >= LEAST_PROBABILITY}
    assert vector.columns.tolist() == sorted(likely)
    norm = math.sqrt(sum(value * value for value in likely.values()))
    assert vector.values.tolist() == pytest.approx([likely[c] / norm for c in sorted(likely)], rel=1e-5)


def test_certain_predictions_give_the_vector_of_the_assigned_codes() -> None:
    columns = np.array([7, 2, 19])
    assigned, predicted = VECTORS.assigned(columns), VECTORS.predicted(columns, np.ones(3))
    assert np.array_equal(assigned.columns, predicted.columns)
    assert np.array_equal(assigned.values, predicted.values)


def test_a_note_without_a_likely_code_has_an_empty_vector() -> None:
    assert len(VECTORS.predicted(np.array([1, 2]), np.array([0.001, 0.0]))) == 0
    assert len(VECTORS.assigned(np.zeros(0, dtype=int))) == 0
