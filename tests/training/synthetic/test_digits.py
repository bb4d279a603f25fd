"""Scenes of digits."""

from pathlib import Path

import numpy as np
import pytest

from model.dataset import load_dataset
from model.errors import InvalidOption
from training.synthetic.digits import CANVAS, _pools, synthesise_digits


def test_scenes_are_images_with_one_to_four_digits(tmp_path: Path) -> None:
    """Shares by split, labels sorted and distinct, pixels of the size that the manifest names."""
    synthesise_digits(tmp_path / "data", 40, 1)
    data = load_dataset(tmp_path / "data", features=True)
    assert data.split_sizes == {"dev": 4, "test": 12, "train": 24}
    assert data.manifest["image_shape"] == [CANVAS, CANVAS]
    pixels = data.features()
    assert pixels is not None
    assert pixels.shape == (40, CANVAS**2)
    for document in data.documents():
        codes = [code.code for code in document.codes]
        assert 1 <= len(codes) <= 4
        assert codes == sorted(set(codes))


def test_the_seed_decides_every_pixel(tmp_path: Path) -> None:
    """The same seed twice, another once."""
    found = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        synthesise_digits(tmp_path / name, 10, seed)
        found.append(load_dataset(tmp_path / name, features=True).features())
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_no_image_of_a_digit_is_in_two_splits() -> None:
    """Every image of every digit is in one pool, in its share."""
    digits = np.repeat(np.arange(10), 20)
    pools = _pools(digits, np.random.default_rng(0))
    assert sorted(np.concatenate(list(pools.values())).tolist()) == list(range(200))
    assert {split: np.bincount(digits[pool]).tolist() for split, pool in pools.items()} == {
        "train": [12] * 10,
        "dev": [2] * 10,
        "test": [6] * 10,
    }


def test_too_few_scenes_are_refused(tmp_path: Path) -> None:
    """Each split needs one."""
    with pytest.raises(InvalidOption, match="--scenes is 9"):
        synthesise_digits(tmp_path / "data", 9, 1)
