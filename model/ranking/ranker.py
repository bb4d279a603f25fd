"""The ranker: every channel's candidates of a note, fused into calibrated probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.candidates import Channel
from model.code_vectors import CodeVectors
from model.labels import LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.fusion import Fusion
from model.ranking.neighbour_vote import RankingNeighbour
from model.text.read_note import ReadNote


@dataclass(frozen=True)
class Ranking:
    """Candidate codes of one note, most probable first: C codes, K channels."""

    columns: np.ndarray
    """In the code set, int64 (C,)."""
    probabilities: np.ndarray
    """Calibrated, float64 (C,)."""
    scores: np.ndarray
    """Of the combiner, before calibration (C,)."""
    channels: tuple[str, ...]
    proposed_by: np.ndarray
    """Which channels proposed each code, bool (C, K)."""
    fusion: Fusion
    """The one that made it: with neighbours, or without."""
    used_neighbours: bool

    def channels_of(self, place: int) -> tuple[str, ...]:
        """Channels that proposed the code at a place of the ranking."""
        return tuple(name for name, proposed in zip(self.channels, self.proposed_by[place], strict=True) if proposed)

    def place_of(self, column: int) -> int | None:
        """Place of a code, None where no channel proposed it."""
        places = np.flatnonzero(self.columns == column)
        return int(places[0]) if places.size else None


@dataclass(frozen=True)
class Ranker:
    """What a bundle needs to rank: two fusions, because a note may come without neighbours."""

    candidate_builder: CandidateBuilder
    without_neighbours: Fusion
    with_neighbours: Fusion | None = None
    code_vectors: CodeVectors | None = None
    """How notes are written as code vectors; bundles made before there were any have none."""

    @property
    def codes(self) -> LabelSpace:
        """The code set."""
        return self.candidate_builder.codes

    @property
    def lexical(self) -> LexicalChannels | None:
        """The lexical channels, for evidence; None where the ranker has none."""
        channels = self.candidate_builder.text_channels
        return channels if isinstance(channels, LexicalChannels) else None

    def rank(
        self, note: ReadNote, probabilities: np.ndarray, neighbours: Sequence[RankingNeighbour] | None = None
    ) -> Ranking:
        """Rank the candidates of a note.

        Args:
            note: in the language of the lexical channels.
            probabilities: the classifier's, of the label space (L,).
            neighbours: similar notes, nearest first; None where there is no database. Then the fusion that was
                fitted without them answers.
        """
        return self.rank_from(self.text_channels(note), probabilities, neighbours)

    def text_channels(self, note: ReadNote) -> Sequence[Channel]:
        """What the channels that read the text say, for :meth:`rank_from`."""
        return self.candidate_builder.text_channels_of(note)

    def rank_from(
        self, from_text: Sequence[Channel], probabilities: np.ndarray, neighbours: Sequence[RankingNeighbour] | None
    ) -> Ranking:
        """As :meth:`rank`, from the output of the text channels, which a note that is ranked twice shares."""
        fusion, used = self.without_neighbours, None
        if neighbours is not None and self.with_neighbours is not None:
            fusion, used = self.with_neighbours, neighbours
        candidates = self.candidate_builder.joined(from_text, probabilities, used)
        scores = fusion.scores(candidates)
        calibrated = fusion.calibration.apply(scores, candidates.columns)
        order = np.lexsort((candidates.columns, -scores, -calibrated))
        return Ranking(
            candidates.columns[order],
            calibrated[order],
            scores[order],
            candidates.channels,
            candidates.proposed_by[order],
            fusion,
            used is not None,
        )
