"""``POST /v1/predict``: JSON or a FHIR DocumentReference in; JSON, a FHIR Bundle or CSV out."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from app.coding.csv_codes import csv_codes
from app.coding.schemas import PredictRequest
from app.fhir.bundle import bundle_json
from app.web.authorization import ByPredict
from app.web.content_negotiation import wanted_form
from app.web.dependencies import Predictions
from app.web.fhir_body import DocumentRoute
from app.web.problems import KEYED, documented
from app.wire import FHIR_JSON, JSON
from icd_coder_client.coding import PredictAnswer
from icd_coder_client.connection import CSV

router = APIRouter(prefix="/v1", tags=["coding"], route_class=DocumentRoute)
OTHER_FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {FHIR_JSON: {"schema": {"type": "object"}}, CSV: {"schema": {"type": "string"}}}}
}


@router.post(
    "/predict",
    response_model=PredictAnswer,
    response_model_exclude_none=True,
    responses=OTHER_FORMS | documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503),
)
async def predict(
    request: PredictRequest, visit: ByPredict, predictor: Predictions, sent: Request
) -> PredictAnswer | Response:
    """Ranked ICD codes of a note with evidence, and the most similar stored notes with their codes.

    With `Content-Type: application/fhir+json` the note is a DocumentReference; `Accept: application/fhir+json` gives
    a Bundle, `Accept: text/csv` a table of the codes, both without the similar notes.
    """
    form = wanted_form(sent.headers.getlist("accept"))
    if form == JSON:
        return await predictor.predict(request, visit)
    # These formats do not show neighbours, so none are read and none are logged.
    without_neighbours = request.model_copy(update={"neighbours": 0})
    answer = await predictor.predict(without_neighbours, visit)
    if form == CSV:
        warnings = {"X-ICD-Coder-Warnings": json.dumps(answer.warnings)}
        return Response(
            csv_codes(answer.codes), headers={"Vary": "Accept", **warnings}, media_type=f"{CSV}; header=present"
        )
    bundle = bundle_json(answer, request, getattr(sent.state, "document", None))
    return Response(bundle, headers={"Vary": "Accept"}, media_type=FHIR_JSON)
