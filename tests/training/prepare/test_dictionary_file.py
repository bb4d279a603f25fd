"""The dictionary of a dataset: written, read, refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import MalformedInput
from training.prepare.dictionary_file import NAME, SCHEMA, read_dictionary, write_dictionary


def test_a_dictionary_comes_back(tmp_path: Path) -> None:
    """Words with several meanings; an empty one too; none where there is no file."""
    assert read_dictionary(tmp_path) == {}
    words = {"rinon": {"kidney": 1.0, "renal": 0.25}, "dolor": {"pain": 0.5}}
    write_dictionary(tmp_path, words)
    assert read_dictionary(tmp_path) == words
    write_dictionary(tmp_path, {})
    assert read_dictionary(tmp_path) == {}


@pytest.mark.parametrize("strength", [0.0, 1.5, float("nan"), None])
def test_a_strength_outside_of_0_to_1_is_refused(tmp_path: Path, strength: float | None) -> None:
    """By its value, with the next step."""
    pq.write_table(pa.table([["a"], ["b"], [strength]], schema=SCHEMA), tmp_path / NAME)
    with pytest.raises(MalformedInput, match=f"strength {strength}.*prepare the data again"):
        read_dictionary(tmp_path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    """Text, and a table of other columns."""
    (tmp_path / NAME).write_text("word,english", encoding="utf-8")
    with pytest.raises(MalformedInput, match="not a Parquet file"):
        read_dictionary(tmp_path)
    pq.write_table(pa.table({"word": ["a"]}), tmp_path / NAME)
    with pytest.raises(MalformedInput, match="other columns"):
        read_dictionary(tmp_path)
