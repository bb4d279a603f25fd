"""Hides the words of too few patients from the network: what it never reads it cannot remember.

A network learns that a name goes with the codes of its patient, as a lexicon does. With frozen MiniLM and ten epochs it
gave 43 of 120 first codes to who asked for a planted name, where chance gives 10 (docs/LOG.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.dataset import Document
from model.text.note_form import plain_note
from model.text.personal_words import name_spans, replaced
from training.ranking.patients import of_several, patients_of

HIDDEN = "___"
"""MIMIC-IV's placeholder, which a network meets in de-identified notes too."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class CommonWords:
    """The words that a network reads in training, case-folded; letters and digits both."""

    words: frozenset[str]

    def learned_text(self, text: str) -> str:
        """A plain text with HIDDEN for each other word and for names.

        In placeholders of de-identification too: "[**Known lastname 4711**]" numbers a patient, and "[JANE DOE]" has
        their form.
        """
        return _WORD.sub(self._shown, replaced(text, name_spans(text), HIDDEN))

    def hidden_share(self, documents: Sequence[Document]) -> float:
        """Share of the words of notes that it hides, names included; 0 without words."""
        words = hidden = 0
        for document in documents:
            text = plain_note(document.text).text
            words += len(_words(text))
            hidden += len(_words(text)) - len(_words(self.learned_text(text)))
        return hidden / max(words, 1)

    def _shown(self, word: re.Match[str]) -> str:
        return word[0] if word[0].casefold() in self.words else HIDDEN


def common_words(documents: Sequence[Document], least: int) -> CommonWords | None:
    """The words in notes of at least ``least`` patients; None with 1, which hides nothing."""
    if least <= 1:
        return None
    found = of_several(patients_of(documents), lambda place: _words(plain_note(documents[place].text).text), least)
    return CommonWords(frozenset(found))


def _words(text: str) -> list[str]:
    return [word[0].casefold() for word in _WORD.finditer(text)]
