"""The lexical channels after a stay on disk."""

from pathlib import Path

import numpy as np
import pytest

from model.dataset import Document
from model.errors import BundleDamaged
from model.labels import Label, LabelSpace
from model.lexicon.lexicon import Lexicon
from model.lexicon.lexicon_files import load_lexicon, load_titles, save_lexicon, save_titles
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.titles_fit import fit_titles
from training.ranking.training_note import training_note

LABELS = LabelSpace((Label("icd9cm", "401.9", "High blood pressure"), Label("icd9cm", "486", "Pneumonia")))
TEXTS = ("Invented: high blood pressure.", "Invented: pneumonia, café.", "Invented: no pneumonia.")


def lexicon() -> Lexicon:
    notes = [Document(f"d{n}", "p", "train", text, (LABELS[n % 2].key,)) for n, text in enumerate(TEXTS)]
    return fit_lexicon([training_note(note, LABELS.columns, "en") for note in notes], len(LABELS))


def test_what_is_loaded_says_the_same(tmp_path: Path) -> None:
    """Every feature of every text, both channels."""
    titles = fit_titles(LABELS, ())
    save_lexicon(tmp_path, lexicon())
    save_titles(tmp_path, titles)
    for before, after in ((lexicon(), load_lexicon(tmp_path)), (titles, load_titles(tmp_path))):
        for text in TEXTS:
            assert before.features(text).columns.tolist() == after.features(text).columns.tolist()
            np.testing.assert_array_equal(before.features(text).values, after.features(text).values)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("content", [None, b"", b"[]"])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str, content: bytes | None) -> None:
    """Missing, empty, or of another kind."""
    save_lexicon(tmp_path, lexicon())
    path = tmp_path / f"lexicon.{suffix}"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleDamaged, match="lexicon.safetensors' or .json is missing or damaged"):
        load_lexicon(tmp_path)
