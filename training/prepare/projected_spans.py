"""Projects spans of a text on its translation: sentences are aligned first, then words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.text.sentences import sentences
from model.text.words import Words, read_words
from training.prepare.gale_church import Bead, align_sentences
from training.prepare.word_translation import Pair

LEAST_PROBABILITY = 0.05
"""Least translation probability of a projected word; untuned."""
SLACK = 4
"""Words by which a projected span may be longer, on each side of its middle, than the source span; untuned."""


@dataclass(frozen=True)
class ParallelText:
    """A text and its translation."""

    source: str
    target: str
    source_language: str = "es"
    target_language: str = "en"

    @cached_property
    def source_words(self) -> Words:
        return read_words(self.source, self.source_language)

    @cached_property
    def target_words(self) -> Words:
        return read_words(self.target, self.target_language)

    @cached_property
    def beads(self) -> list[Bead]:
        return align_sentences(*([end - start for start, end in sentences(t)] for t in (self.source, self.target)))

    def pairs(self) -> list[Pair]:
        """Stems of the aligned sentences."""
        return [
            (
                [self.source_words.stems[place] for place in _places(self.source_words, bead.source)],
                [self.target_words.stems[place] for place in _places(self.target_words, bead.target)],
            )
            for bead in self.beads
            if len(bead.source) and len(bead.target)
        ]

    def project(self, start: int, end: int, translations: Mapping[str, Mapping[str, float]]) -> tuple[int, int] | None:
        """The span of the translation for source[start:end]; None where no word has a probable translation.

        Each word maps to the most probable word of the aligned sentences. The span covers the mapped words that are
        near their median.
        """
        inside = np.flatnonzero((self.source_words.end > start) & (self.source_words.start < end))
        found = [place for word in inside if (place := self._translated(int(word), translations)) is not None]
        if not found:
            return None
        middle = sorted(found)[len(found) // 2]
        near = [place for place in found if abs(place - middle) <= len(inside) + SLACK]
        return int(self.target_words.start[min(near)]), int(self.target_words.end[max(near)])

    def _translated(self, word: int, translations: Mapping[str, Mapping[str, float]]) -> int | None:
        known = translations.get(self.source_words.stems[word], {})
        sentence = int(self.source_words.sentence[word])
        best, place = LEAST_PROBABILITY, None
        for candidate in self._opposite.get(sentence, ()):
            if (probability := known.get(self.target_words.stems[candidate], 0.0)) > best:
                best, place = probability, candidate
        return place

    @cached_property
    def _opposite(self) -> dict[int, Sequence[int]]:
        """Places of the target's words for each sentence of the source."""
        places = {bead: _places(self.target_words, bead.target) for bead in self.beads}
        return {sentence: places[bead] for bead in self.beads for sentence in bead.source}


def _places(words: Words, sentences: range) -> range:
    """Places of the words that stand in consecutive sentences."""
    first, last = np.searchsorted(words.sentence, [sentences.start, sentences.stop])
    return range(int(first), int(last))
