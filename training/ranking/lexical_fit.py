"""Fits the lexical channels on training notes, for the codes of a code set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from model.dataset import Dataset, Document
from model.errors import InvalidOption
from model.icd import ICD9CM, ICD9PCS, ICD10CM
from model.labels import LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.lexicon.siblings import Siblings
from model.progress import with_progress
from model.text.stemming import LANGUAGES
from training.options import LEAST_PATIENTS
from training.prepare.dictionary_file import read_dictionary
from training.prepare.icd_titles import other_names, published_titles
from training.prepare.word_translation import WordTable
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.linear_phrases_fit import fit_linear_phrases
from training.ranking.phrase_choice import NOTES_PER_OCCURRENCE
from training.ranking.titles_fit import Terms, read_terms, titles_of
from training.ranking.training_note import TrainingNote, training_note

TRAINED = "trained"
CODE_SETS = {TRAINED: (), "icd10cm": (ICD10CM,), "icd9cm": (ICD9CM, ICD9PCS)}
"""Values of ``--code-universe``, with the systems of the table that each adds to the label space."""


def code_set_named(labels: LabelSpace, name: str | None = None) -> LabelSpace:
    """The codes that a bundle can answer with: the label space, then the other codes of a published table.

    Args:
        name: trained, icd10cm or icd9cm; None for the table of the label space's own codes.

    Raises:
        InvalidOption: no such code set.
    """
    if name is None:
        systems = {label.system for label in labels.labels}
        name = "icd10cm" if ICD10CM in systems else "icd9cm" if systems & {ICD9CM, ICD9PCS} else TRAINED
    if name not in CODE_SETS:
        raise InvalidOption(f"--code-universe must be one of {', '.join(CODE_SETS)}, got '{name}'")
    return labels.extended(sorted(published_titles(CODE_SETS[name]).items()))


def language_of(dataset: Dataset) -> str:
    """Language of the notes by the manifest; English where it names none."""
    language = (dataset.manifest.get("options") or {}).get("language")
    return language if language in LANGUAGES else "en"


@dataclass(frozen=True)
class LexicalFit:
    """Settings of the lexical channels, for a bundle and for each fold of its cross-validation."""

    code_set: LabelSpace
    labels: int
    """Size of the label space, the first columns of the code set."""
    language: str = "en"
    least: int = LEAST_PATIENTS
    """Fewest patients of a phrase and of a word that is linked to words of titles."""
    dictionary: WordTable | None = None
    """English stems by stem of the notes' language."""

    @cached_property
    def terms(self) -> Terms:
        """Titles and other names of the code set's codes."""
        titles = ((label.key, label.title) for label in self.code_set.labels)
        return read_terms(self.code_set, chain(titles, other_names(label.key for label in self.code_set.labels)))

    @cached_property
    def in_table(self) -> np.ndarray:
        """Which codes are in a published table, bool (U,)."""
        table = published_titles({label.system for label in self.code_set.labels})
        return np.array([label.key in table for label in self.code_set.labels], dtype=bool)

    @cached_property
    def siblings(self) -> Siblings:
        return Siblings(self.code_set.labels)

    def read(self, documents: Sequence[Document]) -> list[TrainingNote]:
        """Tokenise documents for :meth:`fit`."""
        shown = with_progress(documents, "words", len(documents), "note")
        return [training_note(document, self.code_set.columns, self.language) for document in shown]

    def fit(self, notes: Sequence[TrainingNote]) -> LexicalChannels:
        """Fit the channels on notes. The lexicon and the linear model learn codes of the label space only."""
        least = max(self.least, 1 + len(notes) // NOTES_PER_OCCURRENCE)
        inside = [_inside(note, self.labels) for note in notes]
        lexicon = fit_lexicon(inside, self.labels, self.language, least)
        titles = titles_of(self.terms, self.code_set, notes, self.language, self.dictionary, self.least)
        return LexicalChannels(lexicon, titles, self.siblings, fit_linear_phrases(lexicon, inside))


def lexical_fit(dataset: Dataset, code_set: str | None, least: int = LEAST_PATIENTS) -> LexicalFit:
    """How the lexical channels of a dataset's bundle are learned; ``least`` as in :class:`LexicalFit`."""
    codes = code_set_named(dataset.labels, code_set)
    words = read_dictionary(dataset.path)
    return LexicalFit(codes, len(dataset.labels), language_of(dataset), least, words)


def _inside(note: TrainingNote, labels: int) -> TrainingNote:
    spans = tuple(span for span in note.spans if span.column < labels)
    return replace(note, columns=note.columns[note.columns < labels], spans=spans)
