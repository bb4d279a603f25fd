"""Builds the candidates of a note from all channels, the same way for fitting and for answering."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from model.candidates import Candidates, Channel, join
from model.labels import LabelSpace
from model.ranking.channels import classifier_channel, neighbour_channel
from model.ranking.code_prior import prior_channel
from model.ranking.neighbour_vote import RankingNeighbour
from model.text.read_note import ReadNote


class TextChannels(Protocol):
    """Channels that read the note itself, such as the lexical ones; their columns are those of the code set."""

    def channels(self, note: ReadNote) -> Sequence[Channel]:
        """What they say about the codes for which they speak."""


@dataclass(frozen=True)
class CandidateBuilder:
    """What the channels need to know of the bundle."""

    codes: LabelSpace
    """The code set: the label space first, in its columns, then codes without a training document."""
    documents: int
    """Training documents, for the label prior."""
    text_channels: TextChannels | None = None

    @cached_property
    def prior(self) -> Channel:
        """The same for every note."""
        return prior_channel(self.codes, self.documents)

    def candidates(
        self, note: ReadNote, probabilities: np.ndarray, neighbours: Sequence[RankingNeighbour] | None
    ) -> Candidates:
        """What the combiner sees; without neighbours their features are absent, not missing.

        Args:
            probabilities: the classifier's, of the label space (L,).
            neighbours: nearest first.
        """
        return self.joined(self.text_channels_of(note), probabilities, neighbours)

    def text_channels_of(self, note: ReadNote) -> Sequence[Channel]:
        """What the text channels say of a note, nothing where there are none."""
        return [] if self.text_channels is None else self.text_channels.channels(note)

    def joined(
        self, from_text: Sequence[Channel], probabilities: np.ndarray, neighbours: Sequence[RankingNeighbour] | None
    ) -> Candidates:
        """The same from the output of the text channels."""
        counts = self.codes.train_counts
        channels = [classifier_channel(probabilities, counts > 0), *from_text, self.prior]
        if neighbours is not None:
            channels.append(neighbour_channel(neighbours, self.codes.column))
        return join(channels)
