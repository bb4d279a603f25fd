"""The client against the OpenAPI document of the service: every route, field and type is there."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from inspect import getmembers, isfunction
from io import BytesIO
from typing import Any, get_type_hints

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, create_model

import icd_coder_client
from icd_coder_client import Client, JobLine, PredictOptions, PredictRequest, RequestRefused, ReviewAction

OPTIONS: PredictOptions = {
    "note_id": "n",
    "subject_id": "s",
    "top_k": 1,
    "explain": "none",
    "policy": "global",
    "minimum_probability": 0.5,
    "systems": ["icd9cm"],
    "include": ["I21"],
    "exclude": ["I22"],
    "neighbours": 1,
}
NOTE: PredictRequest = {"text": "t", **OPTIONS}
ACTION: ReviewAction = {"action": "add", "system": "icd9cm", "code": "401.9", "position": 1}
LINE: JobLine = {"id": "a", "text": "t"}
CALLS: dict[str, Callable[[Client], object]] = {
    "predict": lambda client: client.predict("t", **OPTIONS),
    "predict_batch": lambda client: client.predict_batch([NOTE]),
    "model": lambda client: client.model(),
    "audit": lambda client: client.audit("t", [{"code": "I10"}], note_id="n", subject_id="s", explain="none"),
    "codes": lambda client: client.codes("q", system="icd9cm", category="I21", policy="p", limit=1, offset=1),
    "neighbours": lambda client: client.neighbours("t", note_id="n", subject_id="s", neighbours=1, by="text"),
    "store_note": lambda client: client.store_note("n", "t", [{"code": "I10"}], subject_id="s"),
    "note": lambda client: client.note("n"),
    "delete_note": lambda client: client.delete_note("n"),
    "review": lambda client: client.review("n", [ACTION], reviewer="r", bundle_id="b" * 64),
    "reviews": lambda client: client.reviews(note_id="n", since=datetime.now(UTC), after=1, limit=1),
    "export_reviews": lambda client: client.export_reviews(BytesIO(), system="icd9cm"),
    "submit_job": lambda client: client.submit_job([LINE], "k"),
    "job": lambda client: client.job("j"),
    "jobs": lambda client: client.jobs(before=1, limit=1),
    "job_results": lambda client: list(client.job_results("j")),
    "cancel_job": lambda client: client.cancel_job("j"),
    "delete_job": lambda client: client.delete_job("j"),
    "bundles": lambda client: client.bundles(),
    "register_bundle": lambda client: client.register_bundle("b"),
    "name_bundle": lambda client: client.name_bundle("a", "b"),
    "load_bundle": lambda client: client.load_bundle("b"),
}
"""Every method that asks one route, with all of its arguments."""
BY_OTHERS = {"close", "health", "wait_for_job", "write_job_results"}
NOT_OFFERED = {("get", "/v1/jobs/{job_id}/events"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics")}
NOISE = {"title", "description", "examples", "default", "pattern", "additionalProperties", "type_", "contentMediaType"}
BOUNDS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "exclusiveMinimum"}


@pytest.fixture
def openapi(client: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def sent_by(name: str) -> httpx.Request:
    """The request of a method of the client."""
    seen: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404)

    with pytest.raises(RequestRefused), Client("http://x", transport=httpx.MockTransport(refuse)) as client:
        CALLS[name](client)
    return seen[0]


def route_of(request: httpx.Request, openapi: dict[str, Any]) -> tuple[str, str]:
    """Method and path template; the one with the fewest parameters fits best."""
    fits = [
        path
        for path in openapi["paths"]
        if re.fullmatch(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path)), request.url.path)
        and request.method.lower() in openapi["paths"][path]
    ]
    return request.method.lower(), min(fits, key=lambda path: path.count("{"))


def plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without descriptions and bounds, its references resolved, and null left out."""
    if isinstance(schema, list):
        return [plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        (some,) = [one for one in schema["anyOf"] if one != {"type": "null"}]
        return plain(some, definitions)
    if "properties" in schema:
        fields = {name: plain(field, definitions) for name, field in schema["properties"].items()}
        return {"fields": fields, "required": sorted(schema.get("required", []))}
    return {name: plain(value, definitions) for name, value in schema.items() if name not in NOISE | BOUNDS}


def schema_of(kind: type[BaseModel]) -> Any:
    """Of an answer, as the service describes it."""
    schema = kind.model_json_schema(mode="serialization")
    return plain(schema, schema.get("$defs", {}))


def schema_of_dictionary(kind: Any) -> Any:
    """Of a typed dictionary."""
    fields: dict[str, Any] = {
        name: (hint, ... if name in kind.__required_keys__ else None) for name, hint in get_type_hints(kind).items()
    }
    return plain(create_model(kind.__name__, **fields).model_json_schema(), {})


def test_every_route_has_a_method_and_every_method_a_route(openapi: dict[str, Any]) -> None:
    """A new route needs a method, and a new method a call above."""
    called = {route_of(sent_by(name), openapi) for name in CALLS}
    there = {(method, path) for path, operations in openapi["paths"].items() for method in operations}
    assert called == there - NOT_OFFERED
    methods = {name for name, _ in getmembers(Client, isfunction) if not name.startswith("_")}
    assert methods == CALLS.keys() | BY_OTHERS


@pytest.mark.parametrize("name", CALLS)
def test_a_method_takes_every_field_of_its_route(openapi: dict[str, Any], name: str) -> None:
    """In the body and in the query, by the name that the route gives it."""
    request = sent_by(name)
    method, path = route_of(request, openapi)
    operation = openapi["paths"][path][method]
    queried = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    assert set(request.url.params.keys()) == queried
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        schema = plain(content["application/json"]["schema"], openapi["components"]["schemas"])
        assert json.loads(request.content).keys() == schema["fields"].keys()


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_has_the_fields_and_types_of_its_route(openapi: dict[str, Any], name: str) -> None:
    """All of them, also those of the objects within."""
    method, path = route_of(sent_by(name), openapi)
    answers = openapi["paths"][path][method]["responses"]
    kind = get_type_hints(getattr(Client, name))["return"]
    if kind is type(None):  # a table
        return
    kind = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else kind.__args__[0]
    (content,) = [answers[status]["content"] for status in ("200", "201") if status in answers][:1]
    schema = (content.get("application/json") or content["application/x-ndjson"])["schema"]
    assert schema_of(kind) == plain(schema, openapi["components"]["schemas"])


@pytest.mark.parametrize("kind", [PredictRequest, ReviewAction, icd_coder_client.AssignedCode])
def test_what_is_sent_has_the_fields_and_types_of_the_service(openapi: dict[str, Any], kind: Any) -> None:
    """Where a method takes dictionaries."""
    schemas = openapi["components"]["schemas"]
    assert schema_of_dictionary(kind) == plain(schemas[kind.__name__], schemas)


def test_a_line_of_a_job_has_the_fields_and_types_of_the_service(openapi: dict[str, Any]) -> None:
    content = openapi["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    assert schema_of_dictionary(JobLine) == plain(content["application/x-ndjson"]["schema"], {})


def test_differences_are_found() -> None:
    """The comparison is not blind."""

    class Line(BaseModel):
        id: int
        text: str

    assert schema_of(Line) != schema_of_dictionary(JobLine)
    assert plain({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]}, {}) == {"type": "integer"}
