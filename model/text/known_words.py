"""Detects texts unlike the training notes by the share of their words that training had.

A text in another language, or of placeholders only, still gets an answer, but no code is selected.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BundleDamaged

DEIDENTIFIED = re.compile(r"\[\*\*.{0,200}?\*\*\]|_{2,}|[\[<][A-Z][A-Z0-9 _-]*[\]>]", re.DOTALL)
"""Placeholders: ``[**Known lastname 123**]`` (MIMIC-III), ``___`` (MIMIC-IV), ``[NAME]`` and ``<DATE>``."""
WORD = re.compile(r"[^\W\d_]{2,}")
LEAST_SHARE = 0.5
"""Of a note's words that training must know. CodiEsp: dev cases in the language of the training cases have 0.76 and
more, those in the other one 0.43 and less (docs/LOG.md)."""
LEAST_WORDS = 3
"""Fewest known words of a text that is trusted."""


@dataclass(frozen=True)
class KnownWords:
    """The words of the training notes."""

    words: frozenset[str]
    """Case-folded, at least two letters each."""

    def doubt(self, text: str) -> str | None:
        """A warning that quotes no word of the text, or None where enough of its words are known."""
        words = words_of(text)
        known = sum(word in self.words for word in words)
        if known >= LEAST_WORDS and known >= LEAST_SHARE * len(words):
            return None
        return (
            f"{known} of the note's {len(words)} words are known from training: another language, or no note? "
            "No code is selected"
        )


def words_of(text: str) -> list[str]:
    """The words of a text in order, case-folded, without placeholders of de-identification."""
    return [word.casefold() for word in WORD.findall(DEIDENTIFIED.sub(" ", text))]


FILE = "known_words.parquet"
"""In a bundle's folder ``ranker/``: one column, the words in order."""


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
