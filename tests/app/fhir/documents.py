"""DocumentReferences to send, and Bundles as they come back."""

import base64
import json
from typing import Any

from fastapi.testclient import TestClient
from fhir.resources.R4B.bundle import Bundle

from app.fhir.extensions import EVIDENCE
from app.wire import FHIR_JSON

HEADERS = {"Content-Type": f"{FHIR_JSON}; charset=utf-8", "Accept": FHIR_JSON}


def document(note: str, **elements: Any) -> dict[str, Any]:
    """A DocumentReference with the note as its data."""
    attachment = {"contentType": "text/plain; charset=UTF-8", "data": base64.b64encode(note.encode()).decode()}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": attachment}],
        **elements,
    }


def send(client: TestClient, resource: Any) -> Any:
    """The response to a resource, sent and wanted as FHIR."""
    return client.post("/v1/predict", content=json.dumps(resource), headers=HEADERS)


def resources(response: Any, kind: str) -> list[dict[str, Any]]:
    """The resources of one type of a Bundle that fhir.resources finds valid."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == FHIR_JSON
    Bundle.model_validate_json(response.content)
    entries = response.json()["entry"]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]


def spans(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The evidence of a Condition or a Procedure: each part's value by its name."""
    places = [resource, *resource.get("evidence", [])]
    found = [each for place in places for each in place.get("extension", []) if each["url"] == EVIDENCE]
    return [{part["url"]: value_of(part) for part in each["extension"]} for each in found]


def value_of(extension: dict[str, Any]) -> Any:
    """Its only value."""
    (value,) = (value for name, value in extension.items() if name.startswith("value"))
    return value
