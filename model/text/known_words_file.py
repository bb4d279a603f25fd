"""The words of training in a bundle's folder ``ranker/``: known_words.parquet, one column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BundleDamaged
from model.text.known_words import KnownWords

FILE = "known_words.parquet"


def save_known_words(folder: Path, known: KnownWords) -> None:
    """Write them sorted."""
    pq.write_table(pa.table({"word": pa.array(sorted(known.words), pa.string())}), folder / FILE)


def load_known_words(folder: Path) -> KnownWords | None:
    """Those of a bundle whose checksums were verified, None where it has none.

    Raises:
        BundleDamaged: the file is no list of words.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        words = pq.read_table(folder / FILE)["word"].cast(pa.string()).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BundleDamaged(f"'{folder / FILE}' cannot be read as a list of words: copy the bundle again") from error
    return KnownWords(frozenset(word for word in words if word is not None))
