"""Predictions for one caller: redacted to the scopes of the key, and in the access log before they are returned."""

import structlog

from app.access.caller import Visit
from app.access.gate import Gate
from app.access_log.journal import Journal
from app.coding.batch import BatchRequest, InvalidItem, read_item
from app.coding.recording import Recorder
from app.coding.schemas import PredictRequest
from app.coding.service import CodingService
from app.logs import error_fields
from app.neighbours.schemas import notes_read
from app.problem_table import problem_of
from app.web.problems import log_for_operator
from app.web.redaction import permitted, visible_prediction
from icd_coder_client.coding import BatchAnswer, BatchResult, PredictAnswer
from model.errors import IcdCoderError, InvalidOption


class Predictor:
    """Predicts one note or a batch with the services of one bundle."""

    def __init__(self, coding: CodingService, recorder: Recorder | None, journal: Journal, gate: Gate) -> None:
        self.coding = coding
        self.recorder = recorder
        self.journal = journal
        self.gate = gate

    async def predict(self, request: PredictRequest, visit: Visit) -> PredictAnswer:
        """Predict, log the stored notes that were read, record the suggestion where recording is on, and redact.

        Raises:
            As :meth:`app.coding.service.CodingService.predict` and :meth:`app.access_log.journal.Journal.write`.
        """
        allowed, warnings = permitted(request, visit)
        answer = await self.coding.predict(allowed, reads_notes=visit.reads_notes)
        record = None if self.recorder is None else self.recorder.recording(allowed.note_id, answer.codes)
        await self.journal.write(visit.entry(notes_read(allowed, answer)), record)
        return visible_prediction(answer, visit, warnings)

    async def predict_batch(self, request: BatchRequest, visit: Visit, max_batch: int) -> BatchAnswer:
        """Code the items one after the other, so that a batch holds one place of the queue; each is logged by itself.

        Raises:
            InvalidOption: more items than ``max_batch``, or than the key's rate limit ever allows; nothing was coded.
            RateLimited: more items than the key has left of its limit; nothing was coded.
        """
        if len(request.items) > max_batch:
            raise InvalidOption(f"the batch has {len(request.items)} items, the limit is {max_batch}: send it in parts")
        self.gate.charge(visit.caller, len(request.items) - 1)  # the request itself was counted at the gate
        results = [await self._result(read_item(item), visit) for item in request.items]
        failed = sum(result.problem is not None for result in results)
        return BatchAnswer(bundle_id=self.coding.bundle_id, results=results, failed=failed)

    async def _result(self, item: PredictRequest | InvalidItem, visit: Visit) -> BatchResult:
        if isinstance(item, InvalidItem):
            return BatchResult(problem=item.problem)
        try:
            return BatchResult(answer=await self.predict(item, visit))
        except IcdCoderError as error:
            log_for_operator(error)
            return BatchResult(problem=problem_of(error))
        except Exception as error:  # noqa: BLE001 - one failing note must not lose the answers of the others
            log = structlog.get_logger().bind(request_id=visit.request_id)
            log.error("unexpected error in a batch", **error_fields(error))
            return BatchResult(problem=problem_of(error))
