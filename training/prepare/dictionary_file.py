"""The dictionary file of a dataset with notes in another language: English stems by stem, with a strength.

Because of it the English names of codes match notes in that language.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import MalformedInput
from training.prepare.word_translation import WordTable

NAME = "dictionary.parquet"
SCHEMA = pa.schema([("word", pa.string()), ("english", pa.string()), ("strength", pa.float32())])


def write_dictionary(folder: Path, words: WordTable) -> None:
    """Write the file into a dataset directory."""
    rows = [(word, english, strength) for word, found in words.items() for english, strength in found.items()]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    pq.write_table(pa.table(columns, schema=SCHEMA), folder / NAME, compression="zstd")


def read_dictionary(folder: Path) -> dict[str, dict[str, float]]:
    """The dictionary of a dataset directory; empty where it has none.

    Raises:
        MalformedInput: the file has another format, or a strength outside 0 (excluded) to 1.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise MalformedInput(f"'{path}' is not a Parquet file: prepare the data again") from error
    if not table.schema.equals(SCHEMA):
        raise MalformedInput(f"'{path}' has other columns than {', '.join(SCHEMA.names)}: prepare the data again")
    words: dict[str, dict[str, float]] = {}
    for word, english, strength in zip(*(table[name].to_pylist() for name in SCHEMA.names), strict=True):
        if strength is None or not 0 < strength <= 1:
            raise MalformedInput(f"'{path}' has the strength {strength}, not within 0 and 1: prepare the data again")
        words.setdefault(word, {})[english] = strength
    return words
