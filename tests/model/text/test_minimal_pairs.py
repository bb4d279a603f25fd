"""The hand-made minimal pairs that judge assertions: written before any rule."""

import json
from collections import Counter
from pathlib import Path

PAIRS = json.loads((Path(__file__).parent / "minimal_pairs.json").read_text(encoding="utf-8"))
ASSERTION_PAIRS = json.loads((Path(__file__).parent / "assertion_pairs.json").read_text(encoding="utf-8"))

WHOLE_NOTES = json.loads((Path(__file__).parent / "whole_notes.json").read_text(encoding="utf-8"))


def test_the_whole_notes_are_sixty() -> None:
    """Each of one condition that the patient has, and of another that is not the patient's now."""
    assert len({note["text"] for note in WHOLE_NOTES}) == len(WHOLE_NOTES) == 60
    assert set(Counter(note["kind"] for note in WHOLE_NOTES)) == {"negated", "family", "hypothetical"}
    assert all(note["right"] != note["wrong"] and len(note["text"].split()) >= 20 for note in WHOLE_NOTES)


def test_the_suite_is_as_large_as_promised() -> None:
    """At least 60 distinct pairs over at least 20 codes, of every kind."""
    assert len({(pair["affirmed"], pair["other"]) for pair in PAIRS}) == len(PAIRS) >= 60
    assert len({(pair["system"], pair["code"]) for pair in PAIRS}) >= 20
    assert set(Counter(pair["kind"] for pair in PAIRS)) == {"negated", "family", "ruled out", "historical"}


def test_a_pair_differs() -> None:
    """Two texts, each of them words."""
    assert all(pair["affirmed"].strip() and pair["affirmed"] != pair["other"] for pair in PAIRS + ASSERTION_PAIRS)


def test_the_pairs_of_written_forms_are_of_two_languages() -> None:
    """200 distinct pairs, most of them English, of lists, check boxes, tables, answers and more."""
    assert len({(pair["affirmed"], pair["other"]) for pair in ASSERTION_PAIRS}) == len(ASSERTION_PAIRS) == 200
    languages = Counter(pair["language"] for pair in ASSERTION_PAIRS)
    assert languages["es"] >= 75
    assert languages["en"] >= 120
    assert {"possible", "contraction", "answer", "sign", "bullets", "box", "table", "list", "entity"} <= {
        pair["kind"] for pair in ASSERTION_PAIRS
    }
