"""The sibling channel: evidence of the lexicon for the other codes of a category, for codes without a training note.

The codes of a category (ICD-10-CM: the first three characters) are variants of one disease; where a phrase points to
one of them, another may be meant. It needs no titles, so it reaches unseen codes in other languages than theirs.
"""

from collections.abc import Sequence

import numpy as np

from model.candidates import ChannelFeatures
from model.labels import Label
from model.lexicon.lexicon_features import NAMES as LEXICON_NAMES
from model.lexicon.titles import NAMES as TITLE_NAMES

NAMES = ("kin.category", "kin.subcategory", "kin.characters", "kin.unspecified", "kin.size", "kin.title_rank")
EVIDENCE = tuple(LEXICON_NAMES.index(f"lexicon.{name}") for name in ("best", "span_best", "whole_best"))
"""The lexicon's features that are summed to a code's evidence, 0 to 3."""
_TITLE_RANK = TITLE_NAMES.index("titles.log_rank")
LEAST = 0.2
"""Siblings with less evidence propose no code; untuned."""
MOST = 200
"""Codes that the siblings propose at most; untuned."""


class Siblings:
    """The categories and subcategories of a code set's codes, U of them."""

    def __init__(self, codes: Sequence[Label]) -> None:
        self._category = groups([(code.system, category(code)) for code in codes])
        self._sizes = np.bincount(self._category)
        self._subcategory = groups([(code.system, subcategory(code)) for code in codes])
        self._characters = np.array([len(code.code) for code in codes])
        self._unspecified = np.array([is_unspecified(code) for code in codes], dtype=bool)

    @property
    def name(self) -> str:
        return "kin"

    def _title_ranks(self, named: ChannelFeatures) -> np.ndarray:
        """Place of each code in its category by what its title says, from 0; unnamed codes come after all, (U,)."""
        category = self._category[named.columns]
        order = np.lexsort((named.values[:, _TITLE_RANK], category))
        first = np.flatnonzero(np.diff(category[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
        ranks: np.ndarray = np.bincount(category, minlength=len(self._sizes))[self._category]
        ranks[named.columns[order]] = rank
        return ranks

    def of(self, lexical: ChannelFeatures, named: ChannelFeatures) -> ChannelFeatures:
        """Features of the codes whose siblings the lexicon proposes; evidence for the code itself is not counted.

        Args:
            named: the features of the titles, to rank the siblings among each other.

        Shape:
            columns (C,), values (C, F).
        """
        evidence = np.zeros(len(self._category))
        evidence[lexical.columns] = lexical.values[:, list(EVIDENCE)].sum(axis=1)
        wide, near = _best_other(evidence, self._category), _best_other(evidence, self._subcategory)
        rank = self._title_ranks(named)
        columns = np.flatnonzero(wide >= LEAST)
        order = np.lexsort((~self._unspecified[columns], rank[columns], -(wide + near)[columns]))
        columns = np.sort(columns[order[:MOST]])
        size = np.log2(self._sizes[self._category[columns]])
        values = [wide, near, self._characters, self._unspecified]
        values = [*(value[columns] for value in values), size, np.log2(1 + rank[columns])]
        return ChannelFeatures(columns, np.column_stack(values).astype(np.float32), NAMES)


def category(code: Label) -> str:
    """Characters before the dot: "A04.7" -> "A04"; all of a code without one, but three of ICD-10-PCS."""
    return code.code.partition(".")[0] if "." in code.code or code.system != "icd10pcs" else code.code[:3]


def subcategory(code: Label) -> str:
    """A category with one more character: "A04.72" -> "A04.7"."""
    stem = category(code)
    return code.code[: len(stem) + (2 if "." in code.code else 1)]


def is_unspecified(code: Label) -> bool:
    """By its title, or a 9 at its end."""
    return "unspecified" in code.title.lower() or code.code[-1:] == "9"


def groups(keys: Sequence[tuple[str, str]]) -> np.ndarray:
    """Numbers of equal keys, from 0 in order of appearance."""
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _best_other(evidence: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Largest evidence of the other codes of each code's group, (U,)."""
    best = np.zeros(int(group.max(initial=-1)) + 1)
    np.maximum.at(best, group, evidence)
    is_best = (evidence == best[group]) & (evidence > 0)
    alone = np.bincount(group[is_best], minlength=len(best)) == 1
    second = np.zeros(len(best))
    np.maximum.at(second, group[~is_best], evidence[~is_best])
    other: np.ndarray = np.where(is_best & alone[group], second[group], best[group])
    return other
