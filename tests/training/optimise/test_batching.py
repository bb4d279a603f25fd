"""Batches, steps and shares: every note once, the same for all who plan, as much in a batch as the limit says."""

import numpy as np
import pytest

from model.errors import InvalidOption
from training.optimise.batching import BatchLimit, epoch_steps, ordered_batches, share, shuffled_batches
from training.options import TrainingOptions

SIZES = np.random.default_rng(0).integers(5, 500, size=401)
LIMITS = [BatchLimit(8), BatchLimit(8, tokens=2_000)]


@pytest.mark.parametrize("limit", LIMITS, ids=["notes", "tokens"])
def test_batches_of_an_epoch_hold_every_note_once(limit: BatchLimit) -> None:
    """And differ between epochs and seeds, not between runs."""
    first, again, second = (shuffled_batches(SIZES, limit, 1, epoch) for epoch in (0, 0, 1))
    assert sorted(index for batch in first for index in batch) == list(range(len(SIZES)))
    assert first == again
    assert first != second
    assert first != shuffled_batches(SIZES, limit, 2, 0)
    assert sorted(index for batch in ordered_batches(SIZES, limit) for index in batch) == list(range(len(SIZES)))


def test_a_batch_of_tokens_keeps_to_its_budget_and_uses_it() -> None:
    """Notes times the longest, so that padding counts; and nearly all of the budget but in the last of a pool."""
    batches = shuffled_batches(SIZES, BatchLimit(1, tokens=2_000), 1, 0)
    padded = np.array([len(batch) * SIZES[batch].max() for batch in batches])
    assert padded.max() <= 2_000
    assert np.median(padded) > 1_500
    waste = padded.sum() / SIZES.sum()
    assert waste < 1.15
    plain = shuffled_batches(SIZES, BatchLimit(8), 1, 0)
    spread = [max(len(batch) * SIZES[batch].max() for batch in some) for some in (batches, plain)]
    assert spread[0] < spread[1]


def test_a_note_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    """It is read all the same."""
    batches = shuffled_batches(np.array([5, 900, 5, 6]), BatchLimit(1, tokens=100), 1, 0)
    assert sorted(map(sorted, batches)) == [[0, 2, 3], [1]]


def test_steps_follow_the_accumulated_batches_or_the_notes_of_the_contrastive_loss() -> None:
    """51 batches of 8: 17 steps of 3, or of 32 notes with what is left at the end."""
    three = epoch_steps(SIZES, TrainingOptions("tiny", batch_size=8, accumulate=3), 0)
    assert [len(step) for step in three] == [3] * 17
    large = epoch_steps(SIZES, TrainingOptions("tiny", batch_size=8, contrastive_batch=32), 0)
    assert len(large) == 13
    assert all(32 <= sum(map(len, step)) < 40 for step in large[:-1])
    assert large == epoch_steps(SIZES, TrainingOptions("tiny", batch_size=8, contrastive_batch=32, loss="bce"), 0)
    assert [batch for step in large for batch in step] == [batch for step in three for batch in step]


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_processes_share_a_batch_evenly(processes: int) -> None:
    """Every note once, and no process has more tokens than another by more than the longest note."""
    for batch in shuffled_batches(SIZES, BatchLimit(16), 1, 0):
        sizes = SIZES[batch]
        shares = [share(sizes, rank, processes) for rank in range(processes)]
        assert sorted(np.concatenate(shares).tolist()) == list(range(len(batch)))
        loads = [sizes[own].sum() for own in shares]
        assert max(loads) - min(loads) <= sizes.max()


def test_over_an_epoch_no_process_waits_for_another() -> None:
    """Four processes, token batches: the busiest of each step together has under 5% more than an even share."""
    busiest = 0
    for batch in shuffled_batches(SIZES, BatchLimit(1, tokens=20_000), 1, 0):
        busiest += max(SIZES[batch][share(SIZES[batch], rank, 4)].sum() for rank in range(4))
    assert busiest < 1.05 * SIZES.sum() / 4


def test_a_batch_smaller_than_the_processes_leaves_some_without() -> None:
    """The longest notes first."""
    shares = [share(np.array([5, 9]), rank, 3).tolist() for rank in range(3)]
    assert shares == [[1], [0], []]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tokens_per_batch": -1}, "--tokens-per-batch"),
        ({"contrastive_batch": 8, "batch_size": 16}, "--contrastive-batch 8 is less than --batch-size 16"),
        ({"contrastive_batch": 64, "accumulate": 2}, "leave --accumulate 2 out"),
        ({"views": 0}, "--views"),
    ],
)
def test_sizes_that_do_not_fit_together_are_named(options: dict[str, int], said: str) -> None:
    """With the flag to leave out."""
    with pytest.raises(InvalidOption, match=said):
        TrainingOptions("tiny", **options)
