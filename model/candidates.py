"""The candidate codes of a note: an outer join of the features of all channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROPOSED_PREFIX = "spoke."
"""Prefix of the features that say whether a channel proposed the code, 0 or 1."""


@dataclass(frozen=True)
class ChannelFeatures:
    """Features of some columns of the code set."""

    columns: np.ndarray
    """Candidates, int64 ascending (C,)."""
    values: np.ndarray
    """float32 (C, F)."""
    names: tuple[str, ...]
    """Of the F features, such as "lexicon.best": the channel, a dot, and the feature."""


@dataclass(frozen=True)
class Channel:
    """One channel's features for a note, and the codes that it proposes."""

    name: str
    features: ChannelFeatures
    proposed: np.ndarray | None = None
    """Columns that become candidates, int64 ascending; None for all of the features' columns. A classifier has a score
    for every code and proposes its best; the label prior proposes none."""

    @property
    def proposals(self) -> np.ndarray:
        return self.features.columns if self.proposed is None else self.proposed


@dataclass(frozen=True)
class Candidates:
    """Candidates of one note: C codes, F features, K channels."""

    columns: np.ndarray
    """int64 ascending (C,)."""
    values: np.ndarray
    """float32 (C, F), NaN where a channel has no features for the code."""
    names: tuple[str, ...]
    """Of the features: those of the channels in their order, then a flag for each channel."""
    channels: tuple[str, ...]
    proposed_by: np.ndarray
    """Which channels proposed each code, bool (C, K)."""

    def where(self, kept: np.ndarray) -> "Candidates":
        """The candidates of a boolean mask (C,)."""
        return Candidates(self.columns[kept], self.values[kept], self.names, self.channels, self.proposed_by[kept])


def scored_channel(
    name: str, score: str, columns: np.ndarray, scores: np.ndarray, order: np.ndarray, proposed: int
) -> Channel:
    """The channel of a model that scores every code it knows: score, logarithm of the rank, distance to the best score.

    Args:
        score: what the score is called among the features.
        proposed: codes that it proposes, best first.

    Shape:
        columns, scores, order (C,): those that it knows, ascending; and their places, best first.
    """
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    values = np.column_stack([scores, np.log2(1 + ranks), scores - scores.max(initial=-np.inf)])
    names = tuple(f"{name}.{feature}" for feature in (score, "log_rank", "behind_best"))
    features = ChannelFeatures(columns, values.astype(np.float32), names)
    return Channel(name, features, np.sort(columns[order[:proposed]]))


def join(channels: Sequence[Channel]) -> Candidates:
    """Every code that a channel proposes, with the features of all channels."""
    proposals = [channel.proposals for channel in channels]
    columns = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *proposals]))
    spoke = np.zeros((len(columns), len(channels)), dtype=bool)
    for number, proposed in enumerate(proposals):
        spoke[np.searchsorted(columns, proposed), number] = True
    names = [name for channel in channels for name in channel.features.names]
    values = np.full((len(columns), len(names) + len(channels)), np.nan, dtype=np.float32)
    first = 0
    for channel in channels:
        features = channel.features
        rows, sources = _matching(columns, features.columns)
        values[rows, first : first + len(features.names)] = features.values[sources]
        first += len(features.names)
    values[:, first:] = spoke
    flags = (f"{PROPOSED_PREFIX}{channel.name}" for channel in channels)
    return Candidates(columns, values, (*names, *flags), tuple(channel.name for channel in channels), spoke)


def _matching(columns: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``columns`` that ``own`` holds, and their places there; both ascending."""
    if not len(own):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    places = np.minimum(np.searchsorted(own, columns), len(own) - 1)
    rows = np.flatnonzero(own[places] == columns)
    return rows, places[rows]
