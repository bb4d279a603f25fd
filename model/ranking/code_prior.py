"""The label prior: how often a code and the codes around it were assigned, and the form of the code.

It ranks codes without a training note by their category: a variant of a frequent disease is likelier than one of a
disease that was never coded, and unspecified variants and leaves are likelier than others.
"""

from itertools import pairwise

import numpy as np

from model.candidates import Channel, ChannelFeatures
from model.labels import Label, LabelSpace
from model.lexicon.siblings import category, groups, is_unspecified, subcategory

PRIOR = "prior"
_NAMES = (
    "log_share",
    "category_share",
    "subcategory_share",
    "initial_share",
    "initial_once",
    "category_codes",
    "category_size",
    "characters",
    "unspecified",
    "leaf",
)
NAMES = tuple(f"{PRIOR}.{name}" for name in _NAMES)


def prior_channel(codes: LabelSpace, documents: int) -> Channel:
    """Features of every code of the code set, U of them; it proposes none.

    Logarithms of the smoothed shares of training documents: of the code; of the other codes of its category and of its
    subcategory; of all codes with its first character, which stands for the chapter. Then which share of those codes
    was assigned once (Good 1953, "The population frequencies of species and the estimation of population parameters",
    Biometrika 40: as many are still to come), how many codes of the category were assigned and how many it has, and the
    code's own form.

    Args:
        documents: training documents in all.

    Shape:
        values (U, F).
    """
    counts = codes.train_counts
    return Channel(PRIOR, ChannelFeatures(np.arange(len(counts)), _values(codes, documents), NAMES), _NO_CODES)


_NO_CODES = np.zeros(0, dtype=np.int64)


def _values(codes: LabelSpace, documents: int) -> np.ndarray:
    labels, counts = codes.labels, codes.train_counts
    wide = groups([(label.system, category(label)) for label in labels])
    near = groups([(label.system, subcategory(label)) for label in labels])
    initial = groups([(label.system, label.code[:1]) for label in labels])
    size = np.bincount(initial)[initial] if len(labels) else np.zeros(0)
    once = np.log((_within(counts == 1, initial) + 0.5) / size)
    shares = [counts, *(_within(counts, group) - counts for group in (wide, near)), _within(counts, initial)]
    values = [np.log((share + 0.5) / (documents + 1)) for share in shares]
    values += [once, _within(counts > 0, wide), np.log2(_within(np.ones(len(counts)), wide))]
    values += [np.array(form, dtype=np.float64) for form in zip(*map(_form, labels), strict=True)]
    values.append(_leaves(codes))
    return np.column_stack(values).astype(np.float32) if labels else np.zeros((0, len(NAMES)), dtype=np.float32)


def _form(label: Label) -> tuple[int, bool]:
    return len(label.code), is_unspecified(label)


def _within(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sum of the values of each code's group, (U,)."""
    total: np.ndarray = np.bincount(group, values)[group]
    return total


def _leaves(codes: LabelSpace) -> np.ndarray:
    """Which codes are the beginning of no other, bool (U,)."""
    ordered = sorted(range(len(codes)), key=lambda column: codes[column].key)
    leaf = np.ones(len(codes), dtype=bool)
    for column, following in pairwise(ordered):
        one, other = codes[column], codes[following]
        leaf[column] = one.system != other.system or not other.code.startswith(one.code)
    return leaf
