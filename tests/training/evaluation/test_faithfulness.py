"""Comprehensiveness and sufficiency, against probabilities of texts that were masked by hand."""

import numpy as np
import pytest

from model.coder import Coder
from model.network.windows import SPECIAL, WindowedNote
from tests.factories import NOTE, tiny_coder
from training.evaluation.faithfulness import SHARES, heaviest, mask_token, mask_tokens, note_faithfulness


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    return tiny_coder(tmp_path_factory.mktemp("faithful") / "bundle")


def test_both_are_falls_of_the_probability_averaged_over_the_shares(coder: Coder) -> None:
    """The twin masks token by token and asks the coder about each share and code."""
    note, random = coder.windowed(NOTE), np.random.default_rng(0)
    columns, weights = np.array([4, 1]), random.random((2, len(note.ids)))
    found = note_faithfulness(coder, note, columns, weights)
    text = [place for place in range(len(note.ids)) if note.offsets[place, 0] != SPECIAL]
    for code, column in enumerate(columns.tolist()):
        whole, without, alone = coder.score(NOTE).probabilities[column], [], []
        for share in SHARES:
            number = -int(-share * len(text) // 1)
            best = sorted(text, key=lambda place: -weights[code, place])[:number]
            for masked, kept in ((best, without), ([place for place in text if place not in best], alone)):
                ids = note.ids.copy()
                ids[masked] = coder.tokenizer.convert_tokens_to_ids("[MASK]")
                left = WindowedNote(ids, note.offsets, note.lengths, note.read_tokens, note.total_tokens)
                kept.append(coder.score_windowed(left).probabilities[column])
        assert found.comprehensiveness[code] == pytest.approx(whole - np.mean(without), abs=1e-9)
        assert found.sufficiency[code] == pytest.approx(whole - np.mean(alone), abs=1e-9)
    assert np.abs(found.comprehensiveness).max() > 0


def test_the_heaviest_are_text_and_at_least_one(coder: Coder) -> None:
    """Special tokens are never chosen, however heavy; equal weights go to the first."""
    note = coder.windowed("Invented note: a fall.")
    weights = np.zeros(len(note.ids))
    weights[0] = 9.0
    weights[3] = 1.0
    assert np.flatnonzero(heaviest(note, weights, 0.01)).tolist() == [3]
    assert np.flatnonzero(heaviest(note, weights, 0.4)).tolist() == [1, 2, 3]
    assert heaviest(note, weights, 1.0).sum() == note.read_tokens


def test_masking_leaves_special_tokens_and_windows_alone(coder: Coder) -> None:
    """All of it masked: what is left is windows of special tokens and masks; the note itself is not changed."""
    note = coder.windowed(NOTE)
    before = note.ids.copy()
    left = mask_tokens(note, np.ones(len(note.ids), dtype=bool), mask_token(coder.tokenizer)[0])
    special = note.offsets[:, 0] == SPECIAL
    np.testing.assert_array_equal(left.ids[special], before[special])
    assert set(left.ids[~special].tolist()) == {coder.tokenizer.mask_token_id}
    np.testing.assert_array_equal(left.lengths, note.lengths)
    np.testing.assert_array_equal(note.ids, before)


def test_a_tokenizer_without_a_mask_gives_its_unknown_token() -> None:
    """Such as one of one's own."""

    class Plain:
        mask_token_id, mask_token, unk_token_id, unk_token = None, None, 7, "<unk>"

    assert mask_token(Plain()) == (7, "<unk>")
