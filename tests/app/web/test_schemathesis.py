"""Requests made from the OpenAPI document: no server error, nothing that the document does not declare."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.python.asgi import ASGIClient, get_client
from schemathesis.transport.asgi import ASGI_TRANSPORT

from app.access.gate import OpenGate
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access.keyed_service import indexed_database
from tests.app.fakes import FakeCoder

load_all_checks()
DECLARED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@schemathesis.serializer("application/x-ndjson")
def one_line(_context: Any, value: Any) -> bytes:
    """A file of one line."""
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIClient]:
    """A running service without keys, over a few notes; one start for all requests."""
    coder = FakeCoder()
    url = indexed_database(tmp_path_factory.mktemp("schemathesis"), coder)
    with get_client(create_app(load_settings(database=url), coder, OpenGate())) as client:
        assert client.post("/v1/predict", json={"text": "diabetes"}).status_code == 200
        yield client


def cases(document: dict[str, Any]) -> list[tuple[int, st.SearchStrategy[Case]]]:
    """Requests that fit the document and requests that do not, to every route, with a share: three to those that read
    a body, one to those that read parameters; to a route without any there is but one request."""
    schema = schemathesis.openapi.from_dict(document)
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            reads = {"parameters", "requestBody"} & set(operation)
            share = 3 if "requestBody" in reads else len(reads)
            for mode in GenerationMode if reads else [GenerationMode.POSITIVE]:
                strategy = schema[path][method.upper()].as_strategy(generation_mode=mode)
                found.append((share, strategy.map(naming_one_note)))
    return found


def naming_one_note(case: Case) -> Case:
    """With a text or a note_id: the document cannot say that both are one too many, and most would stop there."""
    if isinstance(case.body, dict) and isinstance(case.body.get("text"), str):
        case.body.pop("note_id", None)
    return case


def run(client: ASGIClient, count: int) -> int:
    """Send so many requests and check each answer; how many were sent."""
    sent: list[str] = []
    document = client.get("/openapi.json").json()
    shares = cases(document)
    for share, strategy in shares:

        @settings(
            max_examples=max(1, math.ceil(count * share / sum(share for share, _ in shares))),
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def answers_as_declared(case: Case) -> None:
            sent.append(case.path)
            response = ASGI_TRANSPORT.send(case, session=client, base_url="http://testserver")
            case.validate_response(response, checks=DECLARED)

        answers_as_declared()
    assert set(sent) == set(document["paths"])
    return len(sent)


def test_300_requests_are_answered_as_declared(client: ASGIClient) -> None:
    """Good and bad ones."""
    assert run(client, 300) >= 300


@pytest.mark.acceptance
def test_3000_requests_are_answered_as_declared(client: ASGIClient) -> None:
    """The long run."""
    assert run(client, 3000) >= 3000
