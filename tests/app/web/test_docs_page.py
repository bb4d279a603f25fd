"""The page at /docs as a browser without a network sees it."""

import re

from fastapi.testclient import TestClient


def test_the_page_loads_nothing_from_anywhere(client: TestClient) -> None:
    """No script, no address of another host, and a policy that forbids them."""
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert re.findall(r"<script|<link|<img|@import|https?:", answer.text) == []
    assert client.get("/docs/oauth2-redirect").status_code == 404


def test_the_page_describes_every_route_and_field(client: TestClient) -> None:
    """With an example of each body; every link leads to fields on the page."""
    page = client.get("/docs").text
    openapi = client.get("/openapi.json").json()
    for path, operations in openapi["paths"].items():
        for method in operations:
            assert f"{method.upper()} {path}" in page
    for name, schema in openapi["components"]["schemas"].items():
        assert f'id="{name}"' in page
        assert all(f"<code>{field}</code>" in page for field in schema.get("properties", {}))
    assert "crushing chest pain" in page
    assert page.count("Authorization: Bearer KEY") == len(re.findall("curl -s ADDRESS/(?:v1/|metrics)", page))
    assert "curl -s ADDRESS/v1/notes/{note_id} -X DELETE -H" in page
    targets = set(re.findall(r'href="#(\w+)"', page))
    assert targets
    assert targets <= set(re.findall(r'id="(\w+)"', page))
