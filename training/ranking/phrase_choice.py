"""Chooses the phrases that a lexicon counts: those of training notes that no shorter phrase makes redundant.

A phrase that is in as many notes as a shorter phrase inside it is in the same notes, so only the shorter one is kept.
Whole annotated spans are kept even so. Anybody can read a bundle's phrases, so each must stand in the notes of several
patients, and none has a word that names a person (:mod:`model.text.personal_words`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.lexicon.phrase_index import PhraseIndex
from model.progress import with_progress
from training.ranking.patients import patient_numbers
from training.ranking.training_note import TrainingNote

LONGEST = 4
"""Stems of a phrase, unless it is a whole annotated span; 5 gained nothing on CodiEsp."""
LONGEST_SPAN = 8
"""Stems of an annotated span that is kept as a whole; untuned."""
NOTES_PER_OCCURRENCE = 10_000
"""A phrase needs one patient, and one more for every this many notes, to bound memory; untuned."""


@dataclass(frozen=True)
class _Places:
    """All words of all notes, one after another, T of them: number of the stem, sentence, note, patient, whether it is
    personal; spans by place."""

    stem: np.ndarray
    sentence: np.ndarray
    note: np.ndarray
    patient: np.ndarray
    personal: np.ndarray
    span_start: np.ndarray
    span_length: np.ndarray
    stems: int


@dataclass(frozen=True)
class _Level:
    """Nodes of one level, G of them: keys, notes of each, and whether to count it or only to pass through it."""

    keys: np.ndarray
    notes: np.ndarray
    counted: np.ndarray


def choose_phrases(notes: Sequence[TrainingNote], least: int | None = None) -> PhraseIndex:
    """The chosen phrases of training notes, with their prefixes.

    Args:
        least: fewest patients of a phrase; default: 1, and 1 more for every NOTES_PER_OCCURRENCE notes.
    """
    stems = tuple(sorted({stem for note in notes for stem in note.note.words.stems}))
    places = _places(notes, stems)
    levels: list[_Level] = []
    least = least or 1 + len(notes) // NOTES_PER_OCCURRENCE
    node = np.zeros(len(places.stem), dtype=np.int64)
    for length in with_progress(range(1, LONGEST_SPAN + 1), "phrases", LONGEST_SPAN, "length"):
        level, node = _next_level(places, levels, node, length, least)
        levels.append(level)
    return _pruned(stems, levels)


def _places(notes: Sequence[TrainingNote], stems: tuple[str, ...]) -> _Places:
    index = PhraseIndex(stems, (), np.zeros(0, dtype=bool))
    sizes = [len(note.note.words) for note in notes]
    first = np.cumsum([0, *sizes])
    sentences = [note.note.words.sentence for note in notes]
    offsets = np.cumsum([0, *(int(s[-1]) + 1 if len(s) else 0 for s in sentences)])
    spans = [(first[n] + span.start, span.end - span.start) for n, note in enumerate(notes) for span in note.spans]
    starts = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return _Places(
        np.concatenate([np.zeros(0, dtype=np.int64), *(index.numbers(note.note.words.stems) for note in notes)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(s + o for s, o in zip(sentences, offsets, strict=False))]),
        np.repeat(np.arange(len(notes)), sizes),
        np.repeat(patient_numbers([note.subject for note in notes], [note.note.text for note in notes]), sizes),
        np.concatenate([np.zeros(0, dtype=bool), *(note.note.personal for note in notes)]),
        starts[:, 0],
        starts[:, 1],
        len(stems),
    )


def _next_level(
    places: _Places, levels: Sequence[_Level], node: np.ndarray, length: int, least: int
) -> tuple[_Level, np.ndarray]:
    """Nodes of phrases of ``length`` stems, and the node that begins at each place, -1 where none does.

    Shape:
        node (T,): the same of the level before.
    """
    place = np.arange(len(places.stem) - length + 1) if len(places.stem) >= length else np.zeros(0, dtype=np.int64)
    last = place + length - 1
    going = (node[place] >= 0) & (places.sentence[place] == places.sentence[last]) & ~places.personal[last]
    place, last = place[going], last[going]
    keys, inverse = np.unique(node[place] * places.stems + places.stem[last], return_inverse=True)
    notes = _distinct(inverse, places.note[place], len(keys))
    key_at = np.full(len(places.stem), -1, dtype=np.int64)
    key_at[place] = inverse
    led, whole = _annotated(places, key_at, length, len(keys))
    kept = (_distinct(inverse, places.patient[place], len(keys)) >= least) & (led | (length <= LONGEST))
    counted = whole | (~_redundant(levels, node, place, inverse, keys, notes, places.stems) & (length <= LONGEST))
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    following = np.full(len(places.stem), -1, dtype=np.int64)
    following[place] = number[inverse]
    return _Level(keys[kept], notes[kept], counted[kept]), following


def _distinct(node: np.ndarray, note: np.ndarray, nodes: int) -> np.ndarray:
    """Distinct notes, or patients, of each node."""
    width = int(note.max(initial=0)) + 1
    return np.bincount(np.unique(node * width + note) // width, minlength=nodes)


def _annotated(places: _Places, key_at: np.ndarray, length: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes that an annotated span begins with, and those that are all of one."""
    flags = []
    for chosen in (
        (places.span_length >= length) & (places.span_length <= LONGEST_SPAN),
        places.span_length == length,
    ):
        found = key_at[places.span_start[chosen]]
        flag = np.zeros(nodes, dtype=bool)
        flag[found[found >= 0]] = True
        flags.append(flag)
    return flags[0], flags[1]


def _redundant(
    levels: Sequence[_Level],
    node: np.ndarray,
    place: np.ndarray,
    inverse: np.ndarray,
    keys: np.ndarray,
    notes: np.ndarray,
    stems: int,
) -> np.ndarray:
    """Whether the phrase without its last stem, or without its first, stands in no more notes."""
    if not levels:
        return np.zeros(len(keys), dtype=bool)
    before = np.append(levels[-1].notes, -1)  # -1: the phrase without its first stem is none
    example = np.zeros(len(keys), dtype=np.int64)
    example[inverse] = place
    redundant: np.ndarray = (before[keys // stems] == notes) | (before[node[example + 1]] == notes)
    return redundant


def _pruned(stems: tuple[str, ...], levels: Sequence[_Level]) -> PhraseIndex:
    """The counted phrases and what leads to them, with no stem but theirs."""
    size = max(len(stems), 1)
    needed = [level.counted.copy() for level in levels]
    for length in range(len(levels) - 1, 0, -1):
        needed[length - 1][levels[length].keys[needed[length]] // size] = True
    kept = [level.keys[flags] for level, flags in zip(levels, needed, strict=True)]
    used = np.unique(np.concatenate(kept) % size)
    keys, number = [], np.zeros(1, dtype=np.int64)
    for old, flags in zip(kept, needed, strict=True):
        keys.append(number[old // size] * len(used) + np.searchsorted(used, old % size))
        number = np.cumsum(flags) - 1
    counted = [level.counted[flags] for level, flags in zip(levels, needed, strict=True)]
    return PhraseIndex(tuple(stems[stem] for stem in used), tuple(keys), np.concatenate(counted))
