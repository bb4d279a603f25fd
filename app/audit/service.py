"""Audit the codes that human coders assigned to a note."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.audit.schemas import AuditRequest
from app.coding.neighbour_evidence import evidence_span
from app.coding.service import CodingService, Stopwatch, token_counts
from app.neighbours.index import NeighbourIndex
from icd_coder_client.audit import AuditAnswer, AuditedCode, UnjudgedCode
from model.icd import Code
from model.ranking.audit import CodeAudit
from model.text.note_text import check_note


@dataclass(frozen=True)
class AuditService:
    """Audits one note at a time, with the limits and the neighbour rules of the coding service."""

    coding: CodingService
    index: NeighbourIndex | None

    async def audit(self, request: AuditRequest, *, reads_notes: bool) -> AuditAnswer:
        """Split the codes into supported, unsupported and probably missing ones.

        Args:
            reads_notes: as for :meth:`app.coding.service.CodingService.predict`.

        Raises:
            NoRanker, NoConformalSet: the bundle lacks what an audit needs.
            As :meth:`app.coding.service.CodingService.predict`.
        """
        watch = Stopwatch()
        note = await self.coding.neighbours.resolve(request, reads_notes)
        text = note.require_text()
        check_note(text, self.coding.max_characters)
        assigned = await self._assigned(request)
        with watch.stage("inference"):
            neighbours = self.coding.neighbour_finder(note, 0)
            found = await self.coding.inference.audit(text, assigned, request.explain, neighbours)
        return AuditAnswer(
            bundle_id=self.coding.bundle_id,
            precision=found.precision,
            supported=_audited_codes(found.audit.supported),
            unsupported=_audited_codes(found.audit.unsupported),
            missing=_audited_codes(found.audit.missing),
            not_judged=[
                UnjudgedCode(system=code.system, code=code.code, reason=self.coding.tree.why_lacking(code))
                for code in found.audit.not_judged
            ],
            false_negative_rate=found.audit.false_negative_rate,
            missing_precision=found.audit.missing_precision,
            tokens=token_counts(found.tokens),
            warnings=[*found.warnings, *self.coding.kept_from(note)],
            timings_ms=watch.finish(),
        )

    async def _assigned(self, request: AuditRequest) -> list[Code]:
        """The codes of the request, or those of the stored note that it names."""
        if request.codes is not None:
            return [self.coding.tree.code(each.code, each.system) for each in request.codes]
        if self.index is None or request.note_id is None:
            return []  # resolve() has refused a note_id without a database
        return await asyncio.to_thread(self.index.assigned, request.note_id)


def _audited_codes(codes: Sequence[CodeAudit]) -> list[AuditedCode]:
    return [
        AuditedCode(
            system=each.code.system,
            code=each.code.code,
            title=each.title,
            probability=each.probability,
            rank=each.rank,
            channels=list(each.channels),
            evidence=[evidence_span(span) for span in each.evidence],
            reason=each.reason,
        )
        for each in codes
    ]
