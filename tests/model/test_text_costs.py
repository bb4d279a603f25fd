"""Every pass over the text of a note is linear: half a million full stops cost no more than as many letters."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evidence.merge_spans import merge_evidence
from model.evidence.spans import evidence_spans
from model.lexicon.lexical_evidence import lexical_spans
from model.network.encoder_source import open_encoder
from model.network.windows import window_notes
from model.text.known_words import KnownWords
from model.text.note_form import plain_note
from model.text.note_kind import Limits, NoteKind
from model.text.note_text import check_note
from model.text.read_note import ReadNote
from model.text.sentences import sentences
from model.text.stemming import stem
from tests.text_costs import Clock, superlinear
from tests.text_pathologies import UNITS
from tests.tiny_lexical import CODE_SET, tiny_lexical

LEXICAL = tiny_lexical()
TOKENIZER = open_encoder("tiny").tokenizer
KNOWN = KnownWords(frozenset(("gout", "patient")))
KIND = NoteKind(np.arange(9, dtype=np.uint32), np.eye(2, dtype=np.float32), Limits(0.5, 0.1, 0.5, 1.0))


def passes(text: str, clock: Clock) -> None:
    """All of ``model``, in the order in which a note goes through them; each reads the text as it is."""
    stem.cache_clear()
    with clock.time("check"):
        check_note(text)
    with clock.time("form"):
        plain_note(text)
    note = ReadNote(text)
    with clock.time("sentences"):
        sentences(text)
    with clock.time("words"):
        assert note.words.sentence.shape == (len(note.words),)
    with clock.time("sections"):
        assert len(note.sections) >= 0
    with clock.time("contexts"):
        assert note.contexts.shape == (len(note.words),)
    with clock.time("windows"):
        windowed = window_notes(TOKENIZER, [text], 512, 4096)[0]
    with clock.time("channels"):
        LEXICAL.channels(note)
    with clock.time("spans"):
        weights = np.random.default_rng(0).dirichlet(np.full(len(windowed.ids), 0.01))
        found = {0: evidence_spans(text, weights, windowed.offsets)}
        for column, spans in lexical_spans(LEXICAL, note, np.arange(len(CODE_SET))).items():
            found[column] = (*found.get(column, ()), *spans)
    with clock.time("merged spans"):
        for spans in found.values():
            merge_evidence(note, spans)
    with clock.time("known words"):
        KNOWN.doubt(text)
    with clock.time("kind"):
        KIND.doubt(text, np.array([0.6, 0.8], dtype=np.float32))


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_pass_is_linear(unit: str) -> None:
    """Eight times the text takes at most 2.5 times as long for each doubling."""
    assert superlinear(passes, unit, 4_000, 32_000) == {}


def test_marks_of_one_letter_are_linear() -> None:
    """Behind a letter they are one word, and to sort 100,000 of them takes 10 seconds."""
    assert superlinear(passes, UNITS["combining marks"], 4_000, 32_000, before="Gout a") == {}


@pytest.mark.acceptance
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_pass_is_linear_at_full_length(unit: str) -> None:
    """100 kB take at most 2.5 times as long as 50 kB."""
    assert superlinear(passes, unit, 50_000, 100_000, least_rounds=3) == {}


CHARACTERS = "aAyé1 \t\n\r.:;,!?-_|()[]<>/&\\*#'\"+•☐=\u00a0\u0315\u0323\u200b"
WORDS = ("no", "denies", "none", "gout", "femur", "t", "of", "Family History:")
SIGNS = ("[**", "**]", "<p>", "<!--", "-->", "&amp;", "\\n", "\\.br\\", "\r\n", "[ ]", "[x]")
PIECES = st.sampled_from((*CHARACTERS, *WORDS, *SIGNS))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.text("a.:\n -[", max_size=60))
def test_every_pass_is_linear_in_any_unit(unit: str, before: str) -> None:
    """Also behind a beginning that the unit continues."""
    assert superlinear(passes, unit, 3_000, 24_000, before=f"Gout {before}") == {}


@pytest.mark.acceptance
@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.text("a.:\n -[", max_size=60))
def test_every_pass_is_linear_in_any_unit_of_many(unit: str, before: str) -> None:
    """The same with other units at each run."""
    assert superlinear(passes, unit, 8_000, 64_000, before=f"Gout {before}") == {}


@pytest.mark.parametrize("pattern", [r"\s+$", r"\w+:", r"[.!?]+(?=\s)"])
def test_a_pass_that_is_not_linear_is_found(pattern: str) -> None:
    """Whichever of its texts shows it: the test above is not blind."""
    slow = re.compile(pattern)

    def planted(text: str, clock: Clock) -> None:
        with clock.time("planted"):
            slow.search(text)

    assert any(superlinear(planted, unit, 500, 4_000, most_rounds=2, after="x") for unit in (".", "\n", "ab"))
