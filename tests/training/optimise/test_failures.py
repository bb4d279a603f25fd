"""A batch that does not fit is told by its notes, its longest note and the flag to change."""

import numpy as np
import pytest
import torch

from model.network.batch import NoteBatch
from tests.training.tiny_notes import tiny_source, tiny_training_network
from training.optimise.contrastive import contrastive_term
from training.optimise.distributed import ALONE
from training.optimise.failures import OutOfMemory, named_out_of_memory
from training.optimise.step import StepGradient
from training.options import TrainingOptions

REFUSALS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["GPU", "CPU", "Python"])
@pytest.mark.parametrize(
    ("changes", "sizes", "said"),
    [
        ({}, [40, 900, 7], "a batch of 3 notes, the longest of 900 tokens: lower --batch-size"),
        (
            {"tokens_per_batch": 99},
            [40, 900],
            "2 notes, the longest of 900 tokens: lower --tokens-per-batch",
        ),
        ({}, [900], "a batch of 1 note, the longest of 900 tokens: lower --max-tokens"),
    ],
)
def test_the_batch_and_the_flag_are_named(
    refusal: Exception, changes: dict[str, int], sizes: list[int], said: str
) -> None:
    """Whatever the allocator raised."""
    with (
        pytest.raises(OutOfMemory, match=said),
        named_out_of_memory(np.array(sizes), TrainingOptions("tiny", **changes)),
    ):
        raise refusal


def test_another_error_is_left_alone() -> None:
    """A RuntimeError of torch is no lack of memory by itself."""
    with pytest.raises(RuntimeError, match="shapes"), named_out_of_memory(np.array([3]), TrainingOptions("tiny")):
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize("contrastive_batch", [0, 12])
def test_a_real_refusal_of_the_cpu_is_recognised(monkeypatch: pytest.MonkeyPatch, contrastive_batch: int) -> None:
    """A layer that asks for more than any machine has, with and without gradient caching."""
    options = TrainingOptions("tiny", batch_size=6, contrastive_batch=contrastive_batch)
    network = tiny_training_network(torch.float32)

    def greedy(_batch: NoteBatch) -> torch.Tensor:
        return torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr(network, "token_states", greedy)
    gradient = StepGradient(network, tiny_source(), contrastive_term(options), options, ALONE)
    with pytest.raises(OutOfMemory, match="6 notes, the longest of .* tokens: lower --batch-size"):
        gradient([[*range(6)], [*range(6, 12)]])


def test_a_contrastive_loss_that_does_not_fit_names_its_own_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass fits, the comparison of all notes does not."""
    options = TrainingOptions("tiny", batch_size=6, contrastive_batch=12)
    term = contrastive_term(options)
    assert term is not None
    monkeypatch.setattr(term, "loss", lambda *_: torch.empty(1 << 60, dtype=torch.uint8))
    gradient = StepGradient(tiny_training_network(torch.float32), tiny_source(), term, options, ALONE)
    with pytest.raises(OutOfMemory, match="the contrastive loss of 12 notes, .*: lower --contrastive-batch"):
        gradient([[*range(6)], [*range(6, 12)]])
