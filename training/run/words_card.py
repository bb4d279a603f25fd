"""What the model card says of the words that a bundle keeps, and of what a reader of the bundle can learn from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.dataset import Document
from model.ranking.ranker import Ranker
from model.text.known_words import KnownWords
from model.text.note_kind import NoteKind
from training.ranking.patients import are_named, patients_of
from training.ranking.ranker_fit import some_of
from training.run.common_words import CommonWords

SAMPLE = 1_000
"""Notes whose hidden words are counted."""


def words_card(
    documents: Sequence[Document],
    least: int,
    common: CommonWords | None = None,
    ranker: Ranker | None = None,
    known_words: KnownWords | None = None,
    kind: NoteKind | None = None,
) -> dict[str, Any]:
    """For the card: the fewest patients of a phrase or word, how many patients there are, and what is kept.

    Args:
        documents: that were learned from.
        common: the words that the network learned from, None for all. The share of the others is that of a sample.
    """
    lexical = None if ranker is None else ranker.lexical
    return {
        "least_patients": least,
        "patients": len(np.unique(patients_of(documents))),
        "patients_are_named": are_named(documents),
        "phrases": 0 if lexical is None else int(lexical.lexicon.index.counted.sum()),
        "known_words": 0 if known_words is None else len(known_words.words),
        "known_pairs": 0 if kind is None else len(kind.pairs),
        "hidden_share": 0.0 if common is None else round(common.hidden_share(some_of(documents, SAMPLE)), 4),
    }


def words_said(found: dict[str, Any]) -> str:
    """One line for the screen."""
    kept = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in ("phrases", "known_words", "known_pairs"))
    least, patients = found["least_patients"], found["patients"]
    said = (
        f"the bundle keeps {kept}, each of at least {least} of {patients} patients (--least-patients); "
        f"{found['hidden_share']:.1%} of the notes' words were hidden from the network"
    )
    if found["patients_are_named"]:
        return said
    return (
        f"{said}. The dataset names no patients, so each note counts as one: "
        "prepare it with --subject if a patient may have several notes"
    )


def words_readme(found: dict[str, Any]) -> str:
    """For the card's README; "" where a card has no such entry."""
    if not found:
        return ""
    counted = "" if found["patients_are_named"] else " The dataset names no patients: each note counted as one."
    return (
        f"- Phrases and words stand in the notes of at least {found['least_patients']} of {found['patients']} "
        f"patients.{counted}\n"
        f"  The network did not read the others ({found['hidden_share']:.1%}). A name that so many share remains\n"
        "  (docs/explanation/privacy.md).\n"
    )
