"""Reading the service's answers."""

from typing import Any

import httpx
from fastapi.testclient import TestClient

from app.problem_table import TYPE_PREFIX
from tests.app.fakes import FakeCoder
from tests.canary import CANARY

NOTE = f"Ein Gruß 🫀: Hypertension, then diabetes. {CANARY}"


def problem(response: Any) -> tuple[int, str]:
    """Status and slug of a problem, after checking its shape."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "status", "detail"} <= set(body) <= {"type", "title", "status", "detail", "errors"}
    return response.status_code, body["type"].removeprefix(TYPE_PREFIX)


def wait_until_ready(client: TestClient, coder: FakeCoder) -> None:
    """Code one note behind the warm-up, and forget that both entered."""
    assert client.post("/v1/predict", json={"text": NOTE}).status_code == 200
    while coder.entered.acquire(blocking=False):
        continue


def through(client: TestClient) -> httpx.MockTransport:
    """A transport to the service under test."""

    def send(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")  # with its query
        answer = client.request(request.method, target, content=request.content, headers=dict(request.headers.items()))
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    return httpx.MockTransport(send)
