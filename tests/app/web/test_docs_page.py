"""The page at /docs as a browser without a network sees it."""

import base64
import hashlib
import re

from fastapi.testclient import TestClient

from tests.app.answers import problem


def test_the_page_loads_files_of_the_service_only(client: TestClient) -> None:
    """Every script, style and image has a relative address that answers, and the policy forbids other hosts."""
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(loaded) == 3
    for address in loaded:
        assert ":" not in address
        assert not address.startswith("/")
        assert client.get(f"/{address}").status_code == 200, address
    assert not re.search(r"https?://", answer.text)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert client.get("/docs/oauth2-redirect").status_code == 404


def test_the_policy_lets_the_inline_script_run(client: TestClient) -> None:
    """By its hash; an injected script has another."""
    answer = client.get("/docs")
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert len(scripts) == 1
    assert "SwaggerUIBundle" in scripts[0]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]


def test_the_description_that_the_page_shows_has_examples(client: TestClient) -> None:
    """An integration engineer finds a body to send."""
    openapi = client.get("/openapi.json").json()
    assert "crushing chest pain" in str(openapi["components"]["schemas"]["PredictRequest"]["examples"])


def test_the_root_leads_to_the_page(client: TestClient) -> None:
    """By a relative address, which stays on the scheme, host and path of a proxy in front."""
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "docs")
    assert client.get("/").text == client.get("/docs").text
    assert problem(client.get("/doc")) == (404, "unknown-route")
