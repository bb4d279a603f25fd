"""The dictionary of a dataset whose notes are not in English: which English words its words stand for.

The names of codes are English; the file lets them speak about notes in another language. Words are stems.
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
        MalformedInput: the file is another one, or a strength is not above 0 and up to 1.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise MalformedInput(f"'{path}' is no Parquet file: prepare the data again") from error
    if not table.schema.equals(SCHEMA):
        raise MalformedInput(f"'{path}' has other columns than {', '.join(SCHEMA.names)}: prepare the data again")
    words: dict[str, dict[str, float]] = {}
    for word, english, strength in zip(*(table[name].to_pylist() for name in SCHEMA.names), strict=True):
        if strength is None or not 0 < strength <= 1:
            raise MalformedInput(f"'{path}' has the strength {strength}, not within 0 and 1: prepare the data again")
        words.setdefault(word, {})[english] = strength
    return words
