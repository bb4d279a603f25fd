"""Neighbours as evidence: their support of each suggested code, and the suggested codes that each carries."""

from collections.abc import Sequence
from dataclasses import dataclass

from icd_coder_client.coding import EvidenceSpan, NeighbourSupport, SharedCode, SimilarNote, SuggestedCode
from icd_coder_client.neighbours import Neighbour
from model.icd import Code
from model.prediction import Evidence, RankedCode
from model.ranking.neighbour_vote import RankingNeighbour, support


@dataclass(frozen=True)
class NeighbourEvidence:
    """The suggested codes of one note, and its neighbours."""

    codes: list[SuggestedCode]
    neighbours: list[SimilarNote]


def neighbour_evidence(
    codes: Sequence[RankedCode], by_text: Sequence[Neighbour], neighbours: Sequence[Neighbour]
) -> NeighbourEvidence:
    """Suggested codes with the support of similar notes, and neighbours with the suggested codes that they carry.

    Args:
        by_text: notes with similar text, which vote. The neighbours may have been found by the predicted codes, and
            would vote for them, right or wrong.
    """
    votes = ranking_neighbours(by_text)
    return NeighbourEvidence(
        [_suggestion(code, votes) for code in codes],
        [_similar_note(note, codes) for note in neighbours],
    )


def ranking_neighbours(neighbours: Sequence[Neighbour]) -> list[RankingNeighbour]:
    """The similarity and codes of each neighbour, as the ranker reads them."""
    return [RankingNeighbour(note.similarity, _codes(note)) for note in neighbours]


def _codes(note: Neighbour) -> frozenset[Code]:
    return frozenset(Code(code.system, code.code) for code in note.codes)


def _suggestion(code: RankedCode, votes: Sequence[RankingNeighbour]) -> SuggestedCode:
    found = support(votes, Code(code.system, code.code), code.selected)
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
    """The span in the schema of the answers."""
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
