"""Combiners as named arrays of plain numbers, as a bundle holds them, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from model.errors import MalformedInput
from model.ranking.combiner import Combiner, LogisticCombiner, SplitCombiner, TreeCombiner

_OTHER_NUMBERS = "the combiner '{}' has other numbers than it needs: fit it again"
COMBINERS: dict[str, type[Any]] = {kind.kind: kind for kind in (TreeCombiner, LogisticCombiner, SplitCombiner)}
PARTS = {"present": "spoken", "missing": "silent"}
"""The two combiners of a split combiner, and the prefix of their arrays in a bundle."""


def combiner_arrays(combiner: Combiner) -> dict[str, np.ndarray]:
    """The combiner's numbers by name, for a bundle."""
    if isinstance(combiner, SplitCombiner):
        parts = {prefix: combiner_arrays(getattr(combiner, part)) for part, prefix in PARTS.items()}
        named = {f"{prefix}.{name}": array for prefix, arrays in parts.items() for name, array in arrays.items()}
        return {"feature": combiner.feature} | named
    return {field.name: getattr(combiner, field.name) for field in fields(combiner)}  # type: ignore[arg-type]


def combiner_of(kind: str, arrays: Mapping[str, np.ndarray], num_features: int) -> Combiner:
    """The combiner with these numbers.

    Raises:
        MalformedInput: no such kind, other arrays than it has, or numbers that point outside.
    """
    made = COMBINERS.get(kind)
    if made is None:
        raise MalformedInput(f"the combiner '{kind}' is not known, expected one of {', '.join(COMBINERS)}")
    if made is SplitCombiner:
        return _split_of(arrays, num_features)
    if {field.name for field in fields(made)} != set(arrays) or not _fit_together(kind, arrays, num_features):
        raise MalformedInput(_OTHER_NUMBERS.format(kind))
    combiner: Combiner = made(**arrays)
    return combiner


def _split_of(arrays: Mapping[str, np.ndarray], num_features: int) -> SplitCombiner:
    parts = [
        {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}
        for prefix in PARTS.values()
    ]
    feature = arrays.get("feature", np.zeros(0))
    if sum(map(len, parts)) + 1 != len(arrays) or feature.shape != (1,) or not _within(feature, num_features):
        raise MalformedInput(_OTHER_NUMBERS.format(SplitCombiner.kind))
    trees = [combiner_of(TreeCombiner.kind, part, num_features) for part in parts]
    return SplitCombiner(feature, *trees)  # type: ignore[arg-type]


def _fit_together(kind: str, arrays: Mapping[str, np.ndarray], num_features: int) -> bool:
    if any(array.ndim != 1 for array in arrays.values()):
        return False
    if kind == LogisticCombiner.kind:
        sizes = {arrays[name].size for name in ("means", "scales", "weights")}
        return sizes == {num_features} and arrays["bias"].size == 1
    nodes = arrays["values"].size
    by_node = ("features", "thresholds", "missing_left", "left", "right")
    within = all(_within(arrays[name], nodes) for name in ("roots", "left", "right"))
    same = all(arrays[name].size == nodes for name in by_node) and arrays["baseline"].size == arrays["depth"].size == 1
    return within and same and _within(arrays["features"], num_features)


def _within(numbers: np.ndarray, bound: int) -> bool:
    return not numbers.size or (int(numbers.min()) >= 0 and int(numbers.max()) < bound)
