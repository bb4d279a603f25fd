"""Detects notes of another kind than those of training, by two signs that held-out training notes calibrate.

A nurse's checklist, a report of pathology or an invoice is in the language of the training notes, so
:mod:`model.text.known_words` trusts it. Its pairs of neighbouring words are other ones, and its embedding is far from
every group of training notes (the nearest-neighbour distance of Sun et al. 2022, "Out-of-distribution detection with
deep nearest neighbors", ICML, with the centres of groups instead of single notes, which a bundle should not hold).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model.errors import BundleDamaged
from model.text.known_words import words_of
from model.text.word_pairs import pair_numbers, share_known

LEAST_WORDS = 12
"""Of a text that is judged: a sentence is of no kind. Untuned."""
FEW_WORDS = 25
"""A text of fewer is judged only where none of its pairs is known: one more or less would be chance. Untuned."""
LARGEST_DISTANCE = 2.0
"""Of unit rows that point in opposite directions."""
BY_CHANCE = 2.33
"""Standard deviations of a share that a short text may lie lower than a long one: 1% of a normal distribution."""


class Doubt(NamedTuple):
    """Why a note is unlike the training notes; the warning quotes no word of it."""

    warning: str
    is_strong: bool
    """Whether no code should be selected."""


class Signs(NamedTuple):
    """What is measured of a note."""

    words: int
    known_pairs: float
    """Share of its pairs of neighbouring words that training notes of two patients have."""
    distance: float | None
    """1 - cosine to the nearest centre; None where a bundle has no centres."""


class Limits(NamedTuple):
    """Between usual and unusual notes, and between unusual and doubted ones."""

    usual_pairs: float
    doubted_pairs: float
    usual_distance: float
    doubted_distance: float


@dataclass(frozen=True)
class NoteKind:
    """The pairs of words and the groups of the training notes, with the limits of both signs.

    Shape:
        pairs (P,) uint32, sorted, distinct; centres (K, H) float32, unit rows, K is 0 where none were fitted.
    """

    pairs: np.ndarray
    centres: np.ndarray
    limits: Limits

    def doubt(self, text: str, embedding: np.ndarray) -> Doubt | None:
        """A warning that names the unusual signs; None of a usual note, or of one that is too short to judge.

        Shape:
            embedding (H,), a unit row.
        """
        return doubt_of(self.signs(text, embedding), self.limits)

    def signs(self, text: str, embedding: np.ndarray) -> Signs:
        """What the limits are compared with."""
        words = words_of(text)
        return Signs(len(words), share_known(pair_numbers(words), self.pairs), distance(embedding, self.centres))


def distance(embedding: np.ndarray, centres: np.ndarray) -> float | None:
    """1 - cosine of a unit row (H,) to the nearest of some (K, H); None without any."""
    return 1 - float((centres @ embedding).max()) if len(centres) else None


def doubt_of(signs: Signs, limits: Limits) -> Doubt | None:
    """As :meth:`NoteKind.doubt`."""
    if signs.words < LEAST_WORDS or (signs.words < FEW_WORDS and signs.known_pairs > 0):
        return None
    few, far = _is_unusual(signs, limits)
    if not few and not far:
        return None
    found = []
    if few:
        found.append(
            f"{signs.known_pairs:.0%} of its pairs of words are known from training, usual are "
            f"{limits.usual_pairs:.0%} and more"
        )
    if far and signs.distance is not None:
        times = signs.distance / max(limits.usual_distance, 1e-6)
        found.append(f"its embedding is {times:.1f} times as far from the training notes as is usual at most")
    is_strong = signs.known_pairs < limits.doubted_pairs or (signs.distance or 0.0) > limits.doubted_distance
    result = "another kind of text? No code is selected" if is_strong else "the probabilities may not hold for it"
    return Doubt(f"the note is unlike the training notes ({'; '.join(found)}): {result}", is_strong)


def _is_unusual(signs: Signs, limits: Limits) -> tuple[bool, bool]:
    """Whether too few pairs are known, by more than chance, and whether the embedding is too far away."""
    usual = limits.usual_pairs
    chance = BY_CHANCE * math.sqrt(usual * (1 - usual) / (signs.words - 1))
    return signs.known_pairs < usual - chance, (signs.distance or 0.0) > limits.usual_distance


FILE = "note_kind.safetensors"
"""In a bundle's folder ``ranker/``: pairs, centres, limits."""


def save_note_kind(folder: Path, kind: NoteKind) -> None:
    """Write it; bundles of earlier versions have none."""
    limits = np.array(kind.limits, dtype=np.float64)
    save_file({"pairs": kind.pairs, "centres": kind.centres, "limits": limits}, folder / FILE)


def load_note_kind(folder: Path, size: int) -> NoteKind | None:
    """That of a bundle whose checksums were verified, None where it has none.

    Args:
        size: H of the bundle's embeddings.

    Raises:
        BundleDamaged: the file is none of :func:`save_note_kind`, or of other embeddings.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        arrays = load_file(folder / FILE)
        kind = NoteKind(arrays["pairs"], arrays["centres"], Limits(*arrays["limits"].tolist()))
    except (OSError, KeyError, TypeError, SafetensorError) as error:
        raise BundleDamaged(f"'{folder / FILE}' cannot be read: copy the bundle again") from error
    if len(kind.centres) and kind.centres.shape[1:] != (size,):
        raise BundleDamaged(f"'{folder / FILE}' is of embeddings of another size: train the bundle again")
    return kind
