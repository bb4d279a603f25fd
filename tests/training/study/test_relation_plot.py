"""The anchor of the plot, and memory that is counted by hand."""

import numpy as np
import torch

from model.losses.relations import Relation
from training.study.inputs import Part
from training.study.peak_memory import PeakMemory
from training.study.relation_plot import most_related


def test_the_anchor_has_most_kinds_of_relation() -> None:
    """{0, 1} meets an equal set, a subset, a superset and a partial overlap; no other document does."""
    rows = tuple(np.array(row) for row in ([0, 1], [0, 1], [0], [0, 1, 2], [1, 3], [4]))
    anchor, relations = most_related(Part(np.zeros((6, 1), np.float32), rows, np.array([""] * 6)), 5)
    assert anchor in (0, 1)
    kinds = [Relation.SUBSET, Relation.SUPERSET, Relation.PARTIAL, Relation.DISJOINT]
    assert relations[2:].tolist() == kinds
    assert relations[1 - anchor] == Relation.EQUAL


def test_memory_is_that_of_what_lives_at_once() -> None:
    """Two of 4,000 bytes together, the third after the first is gone; views and inputs count nothing."""
    start = torch.zeros(1000)
    with PeakMemory() as memory:
        one = start + 1
        two = one + 1
        del one
        three = two + 1
        view = three.view(10, 100)
    assert memory.peak == 8000
    assert view.sum() == 3000
