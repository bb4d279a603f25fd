"""The lexical channels in a bundle's ranker folder: plain numbers in safetensors, words in JSON."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model.errors import BundleDamaged
from model.lexicon.lexicon import TABLES, CountTable, Lexicon
from model.lexicon.linear_phrases import LINEAR, LinearPhrases
from model.lexicon.phrase_index import PhraseIndex
from model.lexicon.titles import TitleIndex

LEXICON, TITLES = "lexicon", "titles"
_TERM_ARRAYS = ("weight", "stem_indptr", "stem_terms", "term_indptr", "term_stems", "code_indptr", "columns")
_TITLE_ARRAYS = (*_TERM_ARRAYS, "word_indptr", "word_stems", "word_strength")


def save_lexicon(folder: Path, lexicon: Lexicon) -> None:
    """Write ``lexicon.safetensors`` and ``lexicon.json`` into a folder that is there."""
    index = lexicon.index
    arrays = {"counted": index.counted, "code_notes": lexicon.code_notes}
    arrays |= {f"level.{number}": keys for number, keys in enumerate(index.levels)}
    for name, table in lexicon.tables.items():
        arrays |= {f"{name}.{part.name}": getattr(table, part.name) for part in fields(table)}
    words = {"stems": index.stems, "levels": len(index.levels), "language": lexicon.language, "notes": lexicon.notes}
    _save(folder, LEXICON, arrays, words)


def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon of a folder.

    Raises:
        BundleDamaged: a file is missing or is not what was written.
    """
    arrays, words = _load(folder, LEXICON)
    try:
        levels = tuple(arrays[f"level.{number}"] for number in range(words["levels"]))
        index = PhraseIndex(tuple(words["stems"]), levels, arrays["counted"])
        parts = [part.name for part in fields(CountTable)]
        tables = {name: CountTable(*(arrays[f"{name}.{part}"] for part in parts)) for name in TABLES}
        return Lexicon(words["language"], index, tables, arrays["code_notes"], words["notes"])
    except KeyError as error:
        raise _damaged(folder, LEXICON) from error


def save_titles(folder: Path, titles: TitleIndex) -> None:
    """Write ``titles.safetensors`` and ``titles.json`` into a folder that is there."""
    arrays = {name: getattr(titles, name) for name in _TITLE_ARRAYS}
    _save(folder, TITLES, arrays, {"stems": titles.stems, "words": titles.words, "language": titles.language})


def load_titles(folder: Path) -> TitleIndex:
    """The titles of a folder.

    Raises:
        BundleDamaged: a file is missing or is not what was written.
    """
    arrays, words = _load(folder, TITLES)
    try:
        named = {name: arrays[name] for name in _TITLE_ARRAYS}
        return TitleIndex(words["language"], tuple(words["stems"]), words=tuple(words["words"]), **named)
    except KeyError as error:
        raise _damaged(folder, TITLES) from error


def save_linear(folder: Path, linear: LinearPhrases) -> None:
    """Write ``linear.safetensors`` into a folder that is there."""
    _save_arrays(folder, LINEAR, {part.name: getattr(linear, part.name) for part in fields(linear)})


def load_linear(folder: Path, lexicon: Lexicon) -> LinearPhrases | None:
    """The linear model over the phrases of the folder's lexicon; None in a bundle of an earlier version.

    Raises:
        BundleDamaged: the file is not what was written, or is of another lexicon.
    """
    path = folder / f"{LINEAR}.safetensors"
    if not path.exists():
        return None
    damaged = BundleDamaged(f"'{path}' is damaged: copy the bundle again")
    try:
        arrays: dict[str, np.ndarray] = load_file(path)
        linear = LinearPhrases(**arrays)
    except (OSError, TypeError, ValueError, SafetensorError) as error:
        raise damaged from error
    if not _fits(linear, lexicon):
        raise damaged
    return linear


def _fits(linear: LinearPhrases, lexicon: Lexicon) -> bool:
    rows, codes, cells = 2 * len(lexicon.index), len(lexicon.code_notes), len(linear.columns)
    of_lexicon = linear.idf.shape == (rows,) and linear.indptr.shape == (rows + 1,) and linear.share.shape == (codes,)
    if not of_lexicon or linear.weights.shape != (cells,) or linear.indptr[0] != 0 or linear.indptr[-1] != cells:
        return False
    in_range = cells == 0 or (linear.columns.min() >= 0 and linear.columns.max() < codes)
    finite = all(np.isfinite(part).all() for part in (linear.idf, linear.weights, linear.share))
    return bool((np.diff(linear.indptr) >= 0).all() and in_range and finite)


def _save(folder: Path, name: str, arrays: dict[str, np.ndarray], words: dict[str, Any]) -> None:
    _save_arrays(folder, name, arrays)
    (folder / f"{name}.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def _save_arrays(folder: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, folder / f"{name}.safetensors")


def _load(folder: Path, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        arrays: dict[str, np.ndarray] = load_file(folder / f"{name}.safetensors")
        words = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(folder, name) from error
    if not isinstance(words, dict):
        raise _damaged(folder, name)
    return arrays, words


def _damaged(folder: Path, name: str) -> BundleDamaged:
    return BundleDamaged(f"'{folder / name}.safetensors' or .json is missing or damaged: copy the bundle again")
