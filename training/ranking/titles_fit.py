"""Makes the index of code names: their stems, without the words that only tell codes apart."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from model.icd import Code
from model.labels import LabelSpace
from model.lexicon.titles import TitleIndex
from model.text.stemming import plain, stem
from training.prepare.icd_titles import other_names
from training.prepare.word_translation import WordTable
from training.ranking.title_words import learn_title_words
from training.ranking.training_note import TrainingNote

_WITHOUT = re.compile(r"\b(?:without|not elsewhere|not specified as|(?:initial|subsequent) encounter|sequela)\b.*")
_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)")
_WORD = re.compile(r"[^\W_]+")
_GRAMMAR = (
    "a",
    "an",
    "and",
    "as",
    "at",
    "by",
    "due",
    "for",
    "from",
    "in",
    "is",
    "not",
    "of",
    "on",
    "or",
    "the",
    "to",
    "with",
)
_CODING = ("nec", "nos", "other", "others", "specified", "unspecified", "type", "classified", "elsewhere", "mention")
STOP = frozenset((*_GRAMMAR, *_CODING, "with", "encounter", "initial", "state", "status", "part", "site", "region"))
"""Words of titles that a note would not say; untuned."""


def fit_titles(
    code_set: LabelSpace,
    names: Iterable[tuple[Code, str]] | None = None,
    notes: Sequence[TrainingNote] = (),
    language: str = "en",
    dictionary: WordTable | None = None,
) -> TitleIndex:
    """The index of every name of a code set's codes, for notes in a language; names are English.

    Args:
        names: names beside the titles; default: those of :func:`training.prepare.icd_titles.other_names`.
        notes: training notes whose annotated spans teach words for words of titles; without them a note in another
            language than English says nothing here.
        dictionary: English stems of the language's stems.
    """
    titles = [(label.key, label.title) for label in code_set.labels]
    more = other_names(label.key for label in code_set.labels) if names is None else names
    return titles_of(read_terms(code_set, chain(titles, more)), code_set, notes, language, dictionary)


Terms = Mapping[tuple[str, ...], set[int]]
"""Columns of the codes that a name's stems may mean."""


def read_terms(code_set: LabelSpace, names: Iterable[tuple[Code, str]]) -> Terms:
    """The stems of names, with what stands in brackets and without; the slow part, which needs no notes."""
    terms: dict[tuple[str, ...], set[int]] = {}
    for code, name in names:
        column = code_set.column(code)
        for stems in {term_stems(name), term_stems(_ASIDE.sub(" ", name))}:
            if stems and column is not None:
                terms.setdefault(stems, set()).add(column)
    return terms


def titles_of(
    terms: Terms,
    code_set: LabelSpace,
    notes: Sequence[TrainingNote],
    language: str,
    dictionary: WordTable | None = None,
) -> TitleIndex:
    """The index of read terms; see :func:`fit_titles`."""
    stems = tuple(sorted({one for term in terms for one in term}))
    taught = {span.column for note in notes for span in note.spans}
    learned = learn_title_words(notes, {column: term_stems(code_set[column].title) for column in taught})
    return _index(terms, stems, _words((learned, dictionary or {}), stems, language), language)


def _words(tables: Sequence[WordTable], stems: Sequence[str], language: str) -> dict[str, dict[int, float]]:
    """Stems of notes with the numbers of those of terms and the greatest strength that a table gives; in English each
    stands for itself."""
    number = {stem: place for place, stem in enumerate(stems)}
    words: dict[str, dict[int, float]] = {}
    for word, found in chain.from_iterable(table.items() for table in tables):
        known = words.setdefault(word, {})
        for one, strength in found.items():
            if (place := number.get(one)) is not None:
                known[place] = max(known.get(place, 0.0), strength)
    if language == "en":
        for stem, place in number.items():
            words.setdefault(stem, {})[place] = 1.0
    return words


def term_stems(name: str) -> tuple[str, ...]:
    """Distinct stems of a name, ascending, without what it rules out and without STOP."""
    words = (plain(word) for word in _WORD.findall(_WITHOUT.sub("", name)))
    return tuple(sorted({stem(word, "en") for word in words if word not in STOP}))


def _index(terms: Terms, stems: tuple[str, ...], words: dict[str, dict[int, float]], language: str) -> TitleIndex:
    number = {one: place for place, one in enumerate(stems)}
    term_stems_ = np.array([number[one] for term in terms for one in term], dtype=np.int64)
    term_of = np.repeat(np.arange(len(terms)), [len(term) for term in terms])
    order = np.argsort(term_stems_, kind="stable")
    frequency = np.bincount(term_stems_, minlength=len(stems))
    codes = [sorted(columns) for columns in terms.values()]
    return TitleIndex(
        language,
        stems,
        np.log(1 + len(terms) / np.maximum(frequency, 1)),
        _pointers(frequency),
        term_of[order],
        _pointers([len(term) for term in terms]),
        term_stems_,
        _pointers([len(columns) for columns in codes]),
        np.array([column for columns in codes for column in columns], dtype=np.int64),
        tuple(words),
        _pointers([len(found) for found in words.values()]),
        np.array([stem for found in words.values() for stem in found], dtype=np.int64),
        np.array([strength for found in words.values() for strength in found.values()], dtype=np.float64),
    )


def _pointers(sizes: Iterable[int] | np.ndarray) -> np.ndarray:
    return np.cumsum(np.concatenate([[0], np.asarray(list(sizes), dtype=np.int64)]))
