"""Whose notes are whose: what a bundle keeps of words must stand in the notes of several patients.

A bundle can be read, and a patient has several notes. A name that is counted by notes is therefore kept, with the codes
of its patient. The number of patients is the k of k-anonymity (Sweeney 2002, "k-anonymity: a model for protecting
privacy", Int. J. of Uncertainty, Fuzziness and Knowledge-Based Systems 10(5)), for each phrase and word by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from model.dataset import Document
from training.prepare.equal_texts import joined_patients, text_digest

Item = TypeVar("Item", str, int)
SEVERAL = 2
"""Fewest patients of a word, of a pair of words and of a group of embeddings even of public notes, which keeps
misspellings and single notes out."""


def patient_numbers(subjects: Sequence[str], texts: Iterable[str]) -> np.ndarray:
    """The patient of each note, int64 (n,), numbered from 0.

    A note without a subject is of a patient of its own. Subjects with an equal note count as one patient: a note that
    stands in a table five times would otherwise make five patients of one.
    """
    named = [subject or f"\0{place}" for place, subject in enumerate(subjects)]
    group = joined_patients(zip(named, map(text_digest, texts), strict=True))
    return np.unique([group[subject] for subject in named], return_inverse=True)[1].astype(np.int64).reshape(-1)


def of_several(patients: np.ndarray, items_of: Callable[[int], Iterable[Item]], least: int) -> set[Item]:
    """The items in notes of at least ``least`` patients. The notes of one patient at a time are in memory.

    Args:
        patients: of each note, (n,).
        items_of: the items of the note at a place.
    """
    counts: Counter[Item] = Counter()
    order = np.argsort(patients, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(patients[order])) + 1):
        counts.update({item for place in places.tolist() for item in items_of(place)})
    return {item for item, count in counts.items() if count >= least}


def patients_of(documents: Sequence[Document]) -> np.ndarray:
    """The patient of each document, see :func:`patient_numbers`."""
    return patient_numbers([one.subject_id for one in documents], (one.text for one in documents))


def are_named(documents: Iterable[Document]) -> bool:
    """Whether the dataset says whose the notes are; `prepare` takes the note for the patient where a table does not."""
    return any(document.subject_id not in ("", document.document_id) for document in documents)
