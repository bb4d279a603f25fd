"""Every channel's candidates of a note, gathered for a combiner; fitting and answering gather alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.labels import LabelSpace
from model.ranking.candidates import Candidates, Channel, join
from model.ranking.channel_features import ChannelFeatures
from model.ranking.channels import classifier_channel, neighbour_channel, prior_channel
from model.ranking.neighbour_vote import VotingNeighbour


class TextChannel(Protocol):
    """A channel that reads the note itself, such as the lexicon; its columns are those of the universe."""

    @property
    def name(self) -> str: ...

    def features(self, text: str) -> ChannelFeatures:
        """What it says about the codes for which it speaks."""


@dataclass(frozen=True)
class Gatherer:
    """What the channels need to know of the bundle."""

    codes: LabelSpace
    """The code universe: the label space first, in its columns, then codes without a training document."""
    documents: int
    """Training documents, for the label prior."""
    text_channels: tuple[TextChannel, ...] = ()

    def candidates(
        self, text: str, probabilities: np.ndarray, neighbours: Sequence[VotingNeighbour] | None
    ) -> Candidates:
        """What the combiner sees; without neighbours their features are absent, not missing.

        Args:
            probabilities: the classifier's, of the label space (L,).
            neighbours: nearest first.
        """
        channels = [classifier_channel(probabilities)]
        channels += [Channel(channel.name, channel.features(text)) for channel in self.text_channels]
        channels.append(prior_channel(self.codes.train_counts, self.documents))
        if neighbours is not None:
            channels.append(neighbour_channel(neighbours, self.codes.column))
        return join(channels)
