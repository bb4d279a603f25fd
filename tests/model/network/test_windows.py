"""Windows: offsets slice back, nothing is lost, no window of padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.network.encoder_source import open_encoder
from model.network.windows import SPECIAL, WindowedNote, window_notes
from tests.factories import NOTE

TOKENIZER = open_encoder("tiny").tokenizer


def windowed(text: str, window: int = 16, max_tokens: int = 256) -> WindowedNote:
    return window_notes(TOKENIZER, [text], window, max_tokens)[0]


def test_token_spans_slice_back_to_the_original_text() -> None:
    """Each token's span in the raw text is the token, case and accents aside."""
    note = windowed(NOTE)
    for token, (start, end) in zip(TOKENIZER.convert_ids_to_tokens(note.ids.tolist()), note.offsets, strict=True):
        if start != SPECIAL:
            assert NOTE[start:end].lower() == token.removeprefix("##")


@pytest.mark.parametrize("tokens", [1, 13, 14, 15, 28, 29, 280])
def test_windows_are_as_few_and_as_equal_as_can_be(tokens: int) -> None:
    """A length that is a multiple of the room (14 of 16) gets no needless window."""
    note = windowed("a " * tokens, window=16, max_tokens=1000)
    content = note.lengths - 2
    assert content.sum() == tokens == note.total_tokens
    assert len(content) == -(-tokens // 14)
    assert content.max() - content.min() <= 1


def test_each_window_begins_and_ends_with_special_tokens() -> None:
    """The encoder sees every window as a text of its own."""
    note = windowed(NOTE)
    for window in np.split(note.ids, np.cumsum(note.lengths)[:-1]):
        assert window[0] == TOKENIZER.cls_token_id
        assert window[-1] == TOKENIZER.sep_token_id


def test_a_long_note_is_cut_at_max_tokens_and_says_so() -> None:
    """The total stays known, so that truncation can be told."""
    note = windowed("word " * 100, max_tokens=40)
    assert (note.read_tokens, note.total_tokens) == (40, 100)
    assert note.offsets.max() == len("word " * 40) - 1


def test_a_text_without_tokens_is_one_window_of_special_tokens() -> None:
    """A note of invisible characters does not crash what follows."""
    note = windowed("\u200b")
    assert note.lengths.tolist() == [2]
    assert note.total_tokens == 0


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_keeps_its_offsets_inside(text: str) -> None:
    """Offsets are code points into the text as given, in order, whatever the characters."""
    note = windowed(text)
    real = note.offsets[note.offsets[:, 0] != SPECIAL]
    assert (real[:, 0] <= real[:, 1]).all()
    assert real.size == 0 or (real.min() >= 0 and real.max() <= len(text))
    assert (np.diff(real[:, 0]) >= 0).all()
