"""Neighbours as evidence: what they say about each suggested code, and what each shares with the suggestion."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.coding.schemas import EvidenceSpan, NeighbourSupport, SharedCode, SimilarNote, SuggestedCode
from app.neighbours.schemas import Neighbour
from model.icd import Code
from model.prediction import Evidence, RankedCode
from model.ranking.neighbour_vote import RankingNeighbour, support


@dataclass(frozen=True)
class NeighbourEvidence:
    """The suggested codes of one note beside its neighbours."""

    codes: list[SuggestedCode]
    neighbours: list[SimilarNote]


def weigh(codes: Sequence[RankedCode], neighbours: Sequence[Neighbour]) -> NeighbourEvidence:
    """Both, each with what the other says about it."""
    voters = votes_of(neighbours)
    return NeighbourEvidence(
        [_suggestion(code, voters) for code in codes],
        [_similar_note(note, codes) for note in neighbours],
    )


def votes_of(neighbours: Sequence[Neighbour]) -> list[RankingNeighbour]:
    """What the neighbours say, as the ranker hears it."""
    return [RankingNeighbour(note.similarity, _codes(note)) for note in neighbours]


def _codes(note: Neighbour) -> frozenset[Code]:
    return frozenset(Code(code.system, code.code) for code in note.codes)


def _suggestion(code: RankedCode, voters: Sequence[RankingNeighbour]) -> SuggestedCode:
    found = support(voters, Code(code.system, code.code), code.selected)
    return SuggestedCode(
        rank=code.rank,
        system=code.system,
        code=code.code,
        title=code.title,
        probability=code.probability,
        threshold=code.threshold,
        selected=code.selected,
        train_count=code.train_count,
        seen_in_training=code.seen_in_training,
        channels=list(code.channels),
        evidence=[evidence_span(span) for span in code.evidence],
        no_span=code.no_span,
        neighbour_count=0 if found is None else found.count,
        support=None if found is None else NeighbourSupport(share=found.share, agrees=found.agrees),
    )


def evidence_span(span: Evidence) -> EvidenceSpan:
    """A span as an answer gives it."""
    return EvidenceSpan(
        start=span.start,
        end=span.end,
        text=span.text,
        sources=list(span.sources),
        section=span.section,
        negated=span.negated,
        family=span.family,
        historical=span.historical,
        hypothetical=span.hypothetical,
    )


def _similar_note(note: Neighbour, codes: Sequence[RankedCode]) -> SimilarNote:
    carried = _codes(note)
    shared = [
        SharedCode(system=code.system, code=code.code, rank=code.rank, selected=code.selected)
        for code in codes
        if (code.system, code.code) in carried
    ]
    return SimilarNote(
        note_id=note.note_id, similarity=note.similarity, codes=note.codes, snippet=note.snippet, shared=shared
    )
