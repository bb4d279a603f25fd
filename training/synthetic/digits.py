"""Scenes of one to four real handwritten digits on one small canvas; the labels are the digits that are there.

The digits are those of scikit-learn (UCI "Optical recognition of handwritten digits", 1,797 images of 8 x 8 pixels).
No image of a digit is in the scenes of two splits.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from model.atomic_output import require_free, sweep_abandoned
from model.dataset import IMAGE_SHAPE
from model.errors import InvalidOption
from model.icd import Code
from model.labels import SPLITS
from training.prepare.dataset_directory import FeatureDocument, Record, Written, write_dataset

SYSTEM = "digit"
DIGIT, PLACE = 8, 9
"""Pixels of a digit's side, and of the quarter of the canvas that it stands in."""
CANVAS = 2 * PLACE
SHARES = {"train": 0.6, "dev": 0.1, "test": 0.3}
"""Of the scenes, and of the images of each digit."""
FEWEST = 10
NOISE = 0.1
"""Standard deviation of the pixel noise, where ink is 0 to 1."""


def synthesise_digits(out: Path, scenes: int, seed: int, advance: Callable[[int], object] = lambda _: None) -> Written:
    """Write a dataset directory of scenes; the same seed writes the same pixels.

    Args:
        scenes: in all splits together, FEWEST or more.
        advance: called with the number of scenes that were just drawn.

    Raises:
        InvalidOption: too few scenes.
        OutputExists, UnwritableOutput: see :func:`model.atomic_output.staged_directory`.
    """
    if scenes < FEWEST:
        raise InvalidOption(f"--scenes is {scenes}: ask for {FEWEST} scenes or more")
    require_free(out)
    sweep_abandoned(out)
    record = Record({"source": "scikit-learn digits", "scenes": scenes, "seed": seed, "noise": NOISE})
    record.remarks[IMAGE_SHAPE] = [CANVAS, CANVAS]
    titles = {Code(SYSTEM, str(digit)): f"digit {digit}" for digit in range(10)}
    return write_dataset(out, _scenes(scenes, seed, record, advance), titles, record)


def _scenes(scenes: int, seed: int, record: Record, advance: Callable[[int], object]) -> Iterator[FeatureDocument]:
    from sklearn.datasets import load_digits

    source = load_digits()
    images, digits = source.images.astype(np.float32) / 16, source.target
    random = np.random.default_rng(seed)
    pools = _pools(digits, random)
    first = 0
    for split in SPLITS:
        number = round(scenes * SHARES[split]) if split != SPLITS[-1] else scenes - first
        record.count(f"{split}, images of digits", len(pools[split]))
        for index in range(first, first + number):
            chosen = random.choice(pools[split], size=random.integers(1, 5), replace=False)
            codes = tuple(Code(SYSTEM, str(digit)) for digit in sorted(set(digits[chosen].tolist())))
            pixels = _scene(images[chosen], random).ravel()
            yield FeatureDocument(f"scene-{index}", f"scene-{index}", split, "", codes, pixels)
            advance(1)
        first += number


def _pools(digits: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Images of each split, SHARES of each digit's."""
    pools: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    for digit in range(10):
        images = random.permutation(np.flatnonzero(digits == digit))
        bounds = np.round(np.cumsum([SHARES[split] for split in SPLITS])[:-1] * len(images)).astype(int)
        for split, part in zip(SPLITS, np.split(images, bounds), strict=True):
            pools[split].append(part)
    return {split: np.concatenate(parts) for split, parts in pools.items()}


def _scene(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A canvas (CANVAS, CANVAS) float32 with one digit in each of some quarters, a little off its middle."""
    canvas = np.zeros((CANVAS, CANVAS), dtype=np.float32)
    for image, quarter in zip(images, random.permutation(4), strict=False):
        down, right = random.integers(0, PLACE - DIGIT + 1, size=2)
        top, left = PLACE * (quarter // 2) + down, PLACE * (quarter % 2) + right
        canvas[top : top + DIGIT, left : left + DIGIT] = image
    noisy: np.ndarray = canvas + random.normal(0, NOISE, canvas.shape).astype(np.float32)
    return noisy
