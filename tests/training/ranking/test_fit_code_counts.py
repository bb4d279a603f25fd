"""Single codes counted at the global threshold, beside loops over every cell."""

import numpy as np

from tests.tiny_ranker import invented_notes, judged_notes
from training.ranking.fit_code_counts import count_codes, with_counts_of_scores
from training.ranking.fusion_fit import fit_fusion
from training.ranking.threshold_policies import fit_policies


def by_loops(selected: list[set[int]], assigned: list[set[int]], size: int) -> dict[int, tuple[int, int, int]]:
    """True positives, false positives, false negatives of each column that has any."""
    found = {}
    for column in range(size):
        pairs = [(column in chosen, column in given) for chosen, given in zip(selected, assigned, strict=True)]
        counts = (pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)))
        if any(counts):
            found[column] = counts
    return found


def as_dict(counts) -> dict[int, tuple[int, int, int]]:
    rows = (counts.columns, counts.true_positives, counts.false_positives, counts.false_negatives)
    return {column: tuple(rest) for column, *rest in zip(*(row.tolist() for row in rows), strict=True)}


def test_nothing_selected_and_nothing_assigned_is_nothing_counted() -> None:
    """Of one note, of none."""
    none = np.zeros(0, dtype=np.int64)
    assert as_dict(count_codes([none], [none])) == {}
    assert count_codes([], []).notes == 0


def test_scores_are_counted_as_a_loop_counts_them() -> None:
    """At the global threshold, in the scores' own precision, and in no other policy."""
    random = np.random.default_rng(3)
    scores = random.random((40, 7)).astype(np.float32)
    rows = [np.flatnonzero(row > random.random()) for row in scores]
    fitted = fit_policies(scores, rows, np.zeros(40, dtype=np.int64), [f"p{i}" for i in range(40)])
    policies = {policy.name: policy for policy in with_counts_of_scores(fitted, scores, rows).policies}
    limit = policies["global"].everywhere
    selected = [{column for column, score in enumerate(row.tolist()) if score > limit} for row in scores]
    counts = policies["global"].counts
    assert counts.notes == 40
    assert as_dict(counts) == by_loops(selected, [set(row.tolist()) for row in rows], 7)
    assert policies["per-code"].counts is None


def test_a_ranker_counts_out_of_fold_and_what_no_channel_proposed() -> None:
    """Its own held-out probabilities; an assigned code that is no candidate is a false negative."""
    notes = judged_notes(invented_notes(60), neighbours=False)
    fitted = fit_fusion(notes)
    policy = fitted.fusion.policies[0]
    selected: list[set[int]] = [set() for _ in notes]
    cells = zip(fitted.pairs.notes.tolist(), fitted.pairs.columns.tolist(), fitted.probabilities.tolist(), strict=True)
    for note, column, probability in cells:
        if probability > policy.everywhere:
            selected[note].add(column)
    assigned = [set(note.assigned.tolist()) for note in notes]
    assert as_dict(policy.counts) == by_loops(selected, assigned, 40)
    given = policy.counts.true_positives.sum() + policy.counts.false_negatives.sum()
    assert given == sum(len(codes) for codes in assigned)
