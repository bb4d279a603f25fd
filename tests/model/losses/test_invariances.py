"""Property 9: what a loss over sets does not depend on, and what it does."""

import pytest
import torch

from model.label_sets import LabelSets
from model.losses import SimilarityDissimilarityLoss
from tests.model.losses.family import MEMBERS, against_candidates, draw, value_of

TAU = 0.2


@pytest.mark.parametrize("name", MEMBERS)
def test_order_of_notes_and_labels_and_empty_label_columns_change_nothing(name: str) -> None:
    """Rows permuted, columns permuted, three columns of zeros appended."""
    z, labels = draw(13)
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.randperm(9, generator=generator), torch.randperm(6, generator=generator)
    moved = torch.cat([labels[rows][:, columns], torch.zeros(9, 3, dtype=torch.int64)], dim=1)
    loss = MEMBERS[name].make(TAU)
    torch.testing.assert_close(loss(z[rows], moved), loss(z, labels), rtol=1e-12, atol=1e-14)


def test_a_duplicated_label_column_changes_the_weight() -> None:
    """It counts twice in every set that has it."""
    z, labels = draw(13)
    loss = SimilarityDissimilarityLoss(TAU)
    doubled = torch.cat([labels, labels[:, :1]], dim=1)
    assert abs(loss(z, doubled).item() - loss(z, labels).item()) > 1e-3


@pytest.mark.parametrize("name", MEMBERS)
def test_index_lists_equal_multi_hot_labels(name: str) -> None:
    """LabelSets are the same labels in another form, on either side."""
    problem = against_candidates(5)
    rows = [
        LabelSets.from_rows([row.nonzero()[:, 0].tolist() for row in labels], 6)
        for labels in (problem.labels, problem.candidate_labels)
    ]
    loss, place = MEMBERS[name].make(TAU), torch.tensor(problem.place)
    assert torch.equal(loss(problem.z, rows[0], problem.candidates, rows[1], place), value_of(loss, problem))


@pytest.mark.parametrize("name", MEMBERS)
def test_the_batch_as_its_own_candidates_is_the_batch_form(name: str) -> None:
    """With self_index the anchor is told where it stands, in any order of the candidates."""
    loss = MEMBERS[name].make(TAU)
    z, labels = draw(6)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))
    value = loss(z, labels, z[order], labels[order], self_index=order.argsort())
    torch.testing.assert_close(value, loss(z, labels), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_memory_without_the_anchors_takes_part_whole(name: str) -> None:
    """self_index -1, or none at all: every candidate counts."""
    loss = MEMBERS[name].make(TAU)
    (z, labels), (memory, memory_labels) = draw(7), draw(8)
    absent = torch.full((len(z),), -1)
    assert torch.equal(loss(z, labels, memory, memory_labels, absent), loss(z, labels, memory, memory_labels))
