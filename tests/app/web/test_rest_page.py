"""Every curl of docs/reference/rest.md is sent, in order, and every route has one."""

import json
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access.scopes import Scope
from tests.app.access.keyed_service import indexed_database, keyed_app, make_key
from tests.app.answers import wait_until_ready
from tests.app.bundles.folders import FakeOpener, put_bundle
from tests.app.fakes import FakeCoder

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rest.md"
ADDRESS = "localhost:8000"
CREATES = {("POST", "/v1/notes"), ("POST", "/v1/reviews"), ("POST", "/v1/jobs"), ("POST", "/v1/bundles")}


class Sent(NamedTuple):
    """What a curl sends."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


def curls() -> list[Sent]:
    """The commands of the page, read as a shell and curl would."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line.startswith("curl "):
            words = shlex.split(line)
            options = dict(pairwise(words))
            headers = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
            address = next(word for word in words if word.startswith(ADDRESS))
            if "-d" in options:
                json.loads(options["-d"])
            sent = options.get("-d", options.get("--data-binary"))
            body = None if sent is None else sent.encode()
            method = options.get("-X", "GET" if body is None else "POST")
            found.append(Sent(method, address.removeprefix(ADDRESS), dict(h.split(": ", 1) for h in headers), body))
    return found


@pytest.fixture
def service(tmp_path: Path, coder: FakeCoder) -> Iterator[tuple[TestClient, FastAPI, str]]:
    put_bundle(tmp_path / "bundles", "2026-11", "ce")
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder, FakeOpener(), bundles=tmp_path / "bundles")
    with TestClient(app) as client:
        key = make_key(gate, *Scope)
        client.headers["Authorization"] = f"Bearer {key}"
        wait_until_ready(client, coder)
        del client.headers["Authorization"]
        yield client, app, key


def test_every_curl_is_answered_and_every_route_has_one(service: tuple[TestClient, FastAPI, str]) -> None:
    """With the status that the page says, and every field of the bodies known to the route."""
    client, app, key = service
    told = set()
    job = ""
    for sent in curls():
        headers = {name: value.replace("$KEY", key) for name, value in sent.headers.items()}
        answer = client.request(sent.method, sent.path.replace("$JOB", job), headers=headers, content=sent.body)
        job = answer.json()["job_id"] if (sent.method, sent.path) == ("POST", "/v1/jobs") else job
        assert answer.status_code == (201 if (sent.method, sent.path) in CREATES else 200), sent
        place = sent.path.partition("?")[0].replace("/ward-3-17", "/{note_id}").replace("$JOB", "{job_id}")
        place = place.replace("/production", "/{alias}")
        told.add((sent.method, place))
    paths = app.openapi()["paths"]
    there = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert told == {(method, path) for method, path in there if method != "HEAD"}  # a GET without its body
