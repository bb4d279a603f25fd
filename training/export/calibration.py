"""The windows that show int8 which ranges of numbers to expect."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.coder import Coder
from model.dataset import load_dataset
from model.network.windows import window_notes

NOTES = 64
WINDOWS_A_NOTE = 4
"""Both untuned."""


def calibration_windows(coder: Coder, texts: Sequence[str], seed: int = 0) -> list[np.ndarray]:
    """Some windows of each text, chosen by the seed.

    Shape:
        each (W, T) int64, W at most WINDOWS_A_NOTE windows of one length, without padding.
    """
    random = np.random.default_rng(seed)
    batches = []
    for note in window_notes(coder.tokenizer, texts, coder.window, coder.max_tokens):
        length = int(note.lengths[0])
        starts = (np.cumsum(note.lengths) - note.lengths)[note.lengths == length]
        chosen = np.sort(random.permutation(starts)[:WINDOWS_A_NOTE])
        batches.append(note.ids[chosen[:, None] + np.arange(length)[None, :]])
    return batches


def training_notes(data: Path, seed: int) -> list[str]:
    """Texts of NOTES training documents, fewer where there are fewer.

    Raises:
        MissingInput, MalformedInput, EmptyDataset: see :func:`model.dataset.load_dataset`.
    """
    documents = load_dataset(data).require("train")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(documents))[:NOTES])
    return [documents[int(index)].text for index in chosen]


def texts_of_titles(coder: Coder, seed: int) -> list[str]:
    """NOTES texts made of shuffled titles of the bundle's codes, each about a window long."""
    titles = [label.title for label in coder.labels.labels]
    random = np.random.default_rng(seed)
    words = coder.window
    texts = []
    for _ in range(NOTES):
        order = random.permutation(len(titles))[:words]
        texts.append(". ".join(titles[index] for index in order) + ".")
    return texts
