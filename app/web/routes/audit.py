"""``POST /v1/audit``: audit assigned codes."""

from fastapi import APIRouter

from app.access.scopes import Scope
from app.audit.schemas import AuditRequest
from app.web.authorization import ByPredict
from app.web.dependencies import AccessJournal, Auditing
from app.web.problems import KEYED, documented
from app.web.redaction import NO_EVIDENCE
from icd_coder_client.audit import AuditAnswer

router = APIRouter(prefix="/v1", tags=["audit"])


@router.post(
    "/audit",
    response_model_exclude_none=True,
    responses=documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503),
)
async def audit(request: AuditRequest, visit: ByPredict, auditing: Auditing, journal: AccessJournal) -> AuditAnswer:
    """Which assigned codes of a note nothing supports, and which codes are probably missing, with evidence."""
    visit.require_stored(request.note_id)
    withheld = request.note_id is not None and request.explain != "none" and not visit.may(Scope.TEXT)
    allowed = request.model_copy(update={"explain": "none"}) if withheld else request
    answer = await auditing.audit(allowed, reads_notes=visit.reads_notes)
    await journal.write(visit.entry([] if request.note_id is None else [request.note_id]))
    return answer.model_copy(update={"warnings": [*answer.warnings, NO_EVIDENCE]}) if withheld else answer
