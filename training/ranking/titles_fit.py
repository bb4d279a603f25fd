"""Builds the index of code titles and other names, by stems."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress

import numpy as np

from model.icd import Code
from model.labels import LabelSpace
from model.lexicon.titles import TitleIndex
from model.text.stemming import plain, stem
from training.prepare.icd_titles import other_names
from training.prepare.word_translation import WordTable, word_strengths
from training.ranking.patients import of_several, patient_numbers
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
"""Words of titles that notes leave out; untuned."""
WORD_ROUNDS = 8
"""Rounds of IBM model 1 over annotated spans; untuned."""


def fit_titles(
    code_set: LabelSpace,
    names: Iterable[tuple[Code, str]] | None = None,
    notes: Sequence[TrainingNote] = (),
    language: str = "en",
    dictionary: WordTable | None = None,
) -> TitleIndex:
    """Index the English names of a code set's codes for notes in ``language``.

    Args:
        names: names besides the titles; default: :func:`training.prepare.icd_titles.other_names`.
        notes: training notes; their annotated spans link words of notes to words of titles. Notes in another
            language than English match nothing without them or a dictionary.
        dictionary: English stems by stem of the language.
    """
    titles = [(label.key, label.title) for label in code_set.labels]
    more = other_names(label.key for label in code_set.labels) if names is None else names
    return titles_of(read_terms(code_set, chain(titles, more)), code_set, notes, language, dictionary)


Terms = Mapping[tuple[str, ...], set[int]]
"""Columns of the codes by the stems of a name."""


def read_terms(code_set: LabelSpace, names: Iterable[tuple[Code, str]]) -> Terms:
    """Stems of names, with the text in brackets and without. This is the slow part and needs no notes."""
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
    least: int = 1,
) -> TitleIndex:
    """The index of read terms; see :func:`fit_titles`.

    Args:
        least: fewest patients whose notes have a word that is linked to words of titles.
    """
    stems = tuple(sorted({one for term in terms for one in term}))
    taught = {span.column for note in notes for span in note.spans}
    learned = learn_title_words(notes, {column: term_stems(code_set[column].title) for column in taught})
    tables = _of_several_patients((learned, dictionary or {}), notes, least)
    return _index(terms, stems, _words(tables, stems, language), language)


def _of_several_patients(tables: Sequence[WordTable], notes: Sequence[TrainingNote], least: int) -> Sequence[WordTable]:
    """The words of each table that stand in the notes of enough patients and name no person; with 1 all words, since a
    dictionary is learned from more texts than the training notes."""
    if least <= 1:
        return tables
    patients = patient_numbers([note.subject for note in notes], [note.note.text for note in notes])
    read = [note.note for note in notes]
    known = of_several(patients, lambda place: compress(read[place].words.stems, ~read[place].personal), least)
    return [{word: strengths for word, strengths in table.items() if word in known} for table in tables]


def _words(tables: Sequence[WordTable], stems: Sequence[str], language: str) -> dict[str, dict[int, float]]:
    """For each stem of notes the numbers of matching title stems, with the highest strength over the tables.

    In English each stem also matches itself.
    """
    number = {stem: place for place, stem in enumerate(stems)}
    words: dict[str, dict[int, float]] = {}
    for word, found in chain.from_iterable(table.items() for table in tables):
        for one, strength in found.items():
            if (place := number.get(one)) is not None:
                known = words.setdefault(word, {})  # a word without a match is not kept
                known[place] = max(known.get(place, 0.0), strength)
    if language == "en":
        for stem, place in number.items():
            words.setdefault(stem, {})[place] = 1.0
    return words


def term_stems(name: str) -> tuple[str, ...]:
    """Distinct stems of a name, ascending, without excluded parts ("without ...") and STOP words."""
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


def learn_title_words(notes: Sequence[TrainingNote], titles: Mapping[int, Sequence[str]]) -> WordTable:
    """Strength, 0 to 1, of each stem of a title for each stem of a note: "hemorrhage" for "bleeding".

    A span and the title of its code say the same in two vocabularies, as two sentences in two languages do, so IBM
    model 1 learns the words from them.

    Args:
        titles: stems of the title of each column; a column without one teaches nothing.
    """
    pairs = [
        (note.note.words.stems[span.start : span.end], titles[span.column])
        for note in notes
        for span in note.spans
        if titles.get(span.column)
    ]
    return word_strengths(pairs, WORD_ROUNDS)
