"""One prediction for one caller: as far as the key reaches, and logged before it is given."""

from app.access.caller import Visit
from app.coding.schemas import PredictAnswer, PredictRequest
from app.neighbours.schemas import notes_read
from app.web.redaction import permitted, visible_prediction
from app.web.state import State


async def predict_visibly(request: PredictRequest, visit: Visit, parts: State) -> PredictAnswer:
    """Predict, log the notes that were read and keep the coding where it is kept, leave out what the key may not see.

    Raises:
        As :meth:`app.coding.service.CodingService.predict` and :meth:`app.access_log.journal.Journal.write`.
    """
    asked, warnings = permitted(request, visit)
    answer = await parts.coding.predict(asked)
    record = None if parts.recorder is None else parts.recorder.recording(asked.note_id, answer.codes)
    await parts.journal.write(visit.entry(notes_read(asked, answer)), record)
    return visible_prediction(answer, visit, warnings)
