"""The title channel: codes whose names a note mentions, whether or not a training note has them.

A term is a title, an inclusion term or a synonym. A sentence covers a term by the idf-weighted share of its stems that
the sentence holds; a code has the coverage of its best term. Negated words cover nothing, nor do those
about the family. A word of a note may stand for a word of a term with a strength below 1: a synonym, or
a word of another language.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from model.candidates import ChannelFeatures
from model.processor_budget import check_budget
from model.text.assertion import NOT_PRESENT
from model.text.read_note import ReadNote, read_note

_SAID = ("coverage", "matched", "words", "term_words", "note_coverage", "margin", "log_gap", "log_codes")
_FEATURES = (*_SAID, "log_rank")
NAMES = tuple(f"titles.{name}" for name in _FEATURES)
LEAST = 0.5
"""A term that is covered less is no evidence; untuned."""
MOST = 300
"""Codes that the names in one note propose at most, those with the largest coverage^2 times matched weight; untuned."""
MOST_CELLS = 4_000_000
"""Pairs of a term and a sentence, and of a term's stem and a sentence, that are held at once: the memory."""
SHORTLIST = 3000
"""Terms, the best covered by the whole note, that are looked for in its sentences: the cost; untuned."""


@dataclass(frozen=True)
class _Said:
    """Stems of terms that a note contains, by stem; distinct pairs of stem and sentence.

    Shape:
        stem, sentence (N,) int64; strength (N,) float64; word (N,) int64, where in the note.
    """

    stem: np.ndarray
    sentence: np.ndarray
    strength: np.ndarray
    word: np.ndarray


@dataclass(frozen=True)
class CoveringWords:
    """The words of one sentence that cover a name of a code."""

    places: np.ndarray
    """Of the words in the note, ascending, int64."""
    coverage: float
    """Share of the name's weight that they cover, LEAST to 1."""


@dataclass(frozen=True)
class _Covered:
    """How the best sentence of each term covers it, (M,): the weight and the number of its stems, the sentence, and the
    words that stand between the first and the last of them and are none."""

    matched: np.ndarray
    words: np.ndarray
    sentence: np.ndarray
    between: np.ndarray


@dataclass(frozen=True)
class TitleIndex:
    """Terms by their stems, M of them, V stems.

    Shape:
        weight (V,) float64, the idf log(1 + M / terms with the stem); stem_indptr (V + 1,), stem_terms (K,): terms of
        each stem; term_indptr (M + 1,), term_stems (K,): stems of each term; code_indptr (M + 1,), columns (J,): codes
        of each term, in the code set; word_indptr (W + 1,), word_stems, word_strength (S,): which stems of terms a
        stem of notes stands for, and how much, 0 to 1, itself included.
    """

    language: str
    stems: tuple[str, ...]
    weight: np.ndarray
    stem_indptr: np.ndarray
    stem_terms: np.ndarray
    term_indptr: np.ndarray
    term_stems: np.ndarray
    code_indptr: np.ndarray
    columns: np.ndarray
    words: tuple[str, ...]
    """W stems of notes."""
    word_indptr: np.ndarray
    word_stems: np.ndarray
    word_strength: np.ndarray
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)
    _total: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {word: number for number, word in enumerate(self.words)})
        terms = np.repeat(np.arange(len(self.term_indptr) - 1), np.diff(self.term_indptr))
        total = np.bincount(terms, self.weight[self.term_stems], len(self.term_indptr) - 1)
        object.__setattr__(self, "_total", total)

    @property
    def name(self) -> str:
        return "titles"

    def features(self, text: str) -> ChannelFeatures:
        """Features of the codes whose names the text mentions; (C, F)."""
        return self.note_features(read_note(text, self.language))

    def note_features(self, note: ReadNote) -> ChannelFeatures:
        """The same of a note that was read."""
        said = self._said(note)
        terms, whole = self._shortlist(said)
        best = self._best_sentence(terms, said)
        covered = best.matched / self._total[terms]
        kept = covered >= LEAST
        values = np.column_stack(
            [
                covered,
                best.matched,
                best.words,
                np.diff(self.term_indptr)[terms],
                whole,
                self._total[terms] - best.matched,
                np.log2(1 + best.between),
                np.log2(np.diff(self.code_indptr)[terms]),
            ]
        )
        return self._by_code(terms[kept], values[kept])

    def covering_words(self, note: ReadNote, columns: np.ndarray) -> dict[int, CoveringWords]:
        """The words of a note that cover the best covered name of some codes, by column; none below LEAST.

        Args:
            columns: of the code set, int64.
        """
        said = self._said(note)
        shortlist, _ = self._shortlist(said)
        place, entries = _slices(self.code_indptr, shortlist)
        asked = np.isin(self.columns[entries], columns)
        place, codes = place[asked], self.columns[entries[asked]]
        terms, back = np.unique(shortlist[place], return_inverse=True)
        best = self._best_sentence(terms, said)
        matched, sentence, coverage = best.matched, best.sentence, best.matched / self._total[terms]
        numbers = self._numbers_of(note)
        found: dict[int, CoveringWords] = {}
        for pair in np.lexsort((-matched[back], -coverage[back], codes)).tolist():
            check_budget()
            column, term = int(codes[pair]), int(back[pair])
            if column not in found and coverage[term] >= LEAST:
                words = self._words_of(note, numbers, int(terms[term]), int(sentence[term]))
                found[column] = CoveringWords(words, float(coverage[term]))
        return found

    def _words_of(self, note: ReadNote, numbers: np.ndarray, term: int, sentence: int) -> np.ndarray:
        """Places of a sentence's words that stand most strongly for a stem of a term, ascending."""
        stems = self.term_stems[self.term_indptr[term] : self.term_indptr[term + 1]]
        start, end = np.searchsorted(note.words.sentence, [sentence, sentence + 1])
        places = start + np.flatnonzero(numbers[start:end] >= 0)
        word, entries = _slices(self.word_indptr, numbers[places])
        stem, strength = self.word_stems[entries], self.word_strength[entries]
        best = np.zeros(len(self.stems))
        np.maximum.at(best, stem, strength)
        return np.unique(places[word[np.isin(stem, stems) & (strength == best[stem])]])

    def _numbers_of(self, note: ReadNote) -> np.ndarray:
        """Number of each word's stem, -1 for one that is unknown or not said to be present, int64 (T,)."""
        numbers = np.array([self._numbers.get(stem, -1) for stem in note.words.stems], dtype=np.int64)
        return np.where((note.contexts & np.uint8(NOT_PRESENT)) == 0, numbers, -1)

    def _said(self, note: ReadNote) -> _Said:
        """Stems of terms in each sentence, each with its greatest strength there."""
        numbers = self._numbers_of(note)
        known = numbers >= 0
        place, entries = _slices(self.word_indptr, numbers[known])
        stem, sentence = self.word_stems[entries], note.words.sentence[known][place]
        strength = self.word_strength[entries]
        order = np.lexsort((-strength, sentence, stem))
        first = order[(np.diff(stem[order], prepend=-1) != 0) | (np.diff(sentence[order], prepend=-1) != 0)]
        return _Said(stem[first], sentence[first], strength[first], np.flatnonzero(known)[place][first])

    def _shortlist(self, said: _Said) -> tuple[np.ndarray, np.ndarray]:
        """Terms that the whole note covers best, with that coverage: no sentence covers one better."""
        stems = np.unique(said.stem)
        strength = np.zeros(len(self.stems))
        np.maximum.at(strength, said.stem, said.strength)
        place, entries = _slices(self.stem_indptr, stems)
        matched = np.bincount(self.stem_terms[entries], (self.weight * strength)[stems[place]], len(self._total))
        coverage = matched / np.maximum(self._total, 1e-9)
        terms = np.flatnonzero(coverage >= LEAST)
        if len(terms) > SHORTLIST:
            order = np.lexsort((-matched[terms], -coverage[terms]))
            terms = np.sort(terms[order[:SHORTLIST]])
        return terms, coverage[terms]

    def _best_sentence(self, terms: np.ndarray, said: _Said) -> _Covered:
        """Coverage of each term by the sentence that covers it best, a part of the terms at a time."""
        indptr = np.searchsorted(said.stem, np.arange(len(self.stems) + 1))
        width = int(said.sentence.max(initial=0)) + 1
        place, entries = _slices(self.term_indptr, terms)
        cells = width + np.bincount(place, np.diff(indptr)[self.term_stems[entries]], len(terms))
        part = (np.cumsum(cells) // MOST_CELLS).astype(np.int64)
        found = [
            self._best_of(each, said, indptr, width) for each in np.split(terms, np.flatnonzero(np.diff(part)) + 1)
        ]
        return _Covered(*(np.concatenate([getattr(each, f.name) for each in found]) for f in fields(_Covered)))

    def _best_of(self, terms: np.ndarray, said: _Said, indptr: np.ndarray, width: int) -> _Covered:
        """The same of all terms at once.

        Args:
            indptr: of each stem of terms, its entries of ``said``.
            width: one more than the last sentence.
        """
        check_budget()
        place, entries = _slices(self.term_indptr, terms)
        wanted = self.term_stems[entries]
        repeat, where = _slices(indptr, wanted)
        key = place[repeat] * width + said.sentence[where]
        weight = self.weight[wanted[repeat]] * said.strength[where]
        matched = np.bincount(key, weight, len(terms) * width).reshape(-1, width)
        count = np.bincount(key, minlength=len(terms) * width).reshape(-1, width)
        best = matched.argmax(axis=1)
        rows = np.arange(len(terms))
        inside = np.flatnonzero(said.sentence[where] == best[place[repeat]])
        word, term = said.word[where[inside]], place[repeat[inside]]
        first, last = np.full(len(terms), np.iinfo(np.int64).max), np.zeros(len(terms), dtype=np.int64)
        np.minimum.at(first, term, word)
        np.maximum.at(last, term, word)
        between = np.maximum(last - np.minimum(first, last) + 1 - count[rows, best], 0)
        return _Covered(matched[rows, best], count[rows, best], best, between)

    def _by_code(self, terms: np.ndarray, values: np.ndarray) -> ChannelFeatures:
        """Each code with the features of its best covered term; of equally covered ones the weightiest."""
        place, entries = _slices(self.code_indptr, terms)
        columns = self.columns[entries]
        order = np.lexsort((-values[place, 1], -values[place, 0], columns))
        first = order[np.flatnonzero(np.diff(columns[order], prepend=-1))]
        found, rows = columns[first], values[place[first]]
        order = np.argsort(-(rows[:, 0] ** 2) * rows[:, 1], kind="stable")[:MOST]
        ranks = np.log2(1 + np.arange(len(order)))
        places = np.argsort(found[order])
        values = np.column_stack([rows[order], ranks])[places].astype(np.float32)
        return ChannelFeatures(found[order][places].astype(np.int64), values, NAMES)


def _slices(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries of several rows of a compressed table: the place among ``rows``, and the entry."""
    starts = indptr[rows]
    sizes = indptr[rows + 1] - starts
    place = np.repeat(np.arange(len(rows)), sizes)
    return place, np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(starts, sizes)
