"""The page at /docs: the OpenAPI description as plain HTML.

FastAPI's own page loads its scripts from a content delivery network; the service contacts nobody and neither
does this page: no script, and a policy that forbids every other host.
"""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from app.web.content_negotiation import JSON_LINES

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #ccc}pre{background:#f3f3f3;color:#111;padding:.6rem;white-space:pre-wrap}"
    "h2{margin-top:2.5rem;border-top:2px solid #888;padding-top:.5rem}"
)
KEY = "-H 'Authorization: Bearer KEY'"


def install_docs_page(app: FastAPI) -> None:
    """Serve the page at /docs, made from the application's OpenAPI description."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()), headers={"Content-Security-Policy": POLICY})


def render(openapi: dict[str, Any]) -> str:
    """The whole page: each route with its examples, then each schema with its fields."""
    info = openapi["info"]
    title = escape(info["title"])
    parts = [f"<h1>{title}</h1><p>{escape(info['description'])}</p>"]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a></p>')
    schemas = openapi["components"]["schemas"]
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            parts.extend(_route(path, method, operation, schemas))
    parts.append("<h2>Fields</h2>")
    for name, schema in schemas.items():
        parts.extend(_fields(name, schema))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _route(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation.get('description', ''))}</p>"
    sent = operation.get("requestBody", {}).get("content", {})
    body = sent.get("application/json", {}).get("schema")
    if JSON_LINES in sent:
        yield from _json_lines(path, sent[JSON_LINES]["schema"])
    elif body is None:
        key = f" {escape(KEY)}" if "security" in operation else ""
        verb = "" if method == "get" else f" -X {method.upper()}"
        yield f"<pre>curl -s ADDRESS{escape(path)}{verb}{key}</pre>"
    else:
        yield f"<p>Body: {_kind(body)}</p>"
        for example in schemas[_name(body)].get("examples", []):
            yield f"<pre>{escape(_curl(path, example))}</pre>"
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])}</td><td>{_answer(answer)}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    yield f"<table><tr><th>Status</th><th>Meaning</th><th>Answer</th></tr>{rows}</table>"


def _json_lines(path: str, line: dict[str, Any]) -> Iterator[str]:
    """A body whose lines have a schema of their own, which is no component of the description."""
    yield f"<p>Body: a file, each line a <code>{escape(line['title'])}</code></p>"
    for example in line.get("examples", []):
        sent = f"-H 'Content-Type: {JSON_LINES}' -H 'Idempotency-Key: WORD' --data-binary '{json.dumps(example)}'"
        yield f"<pre>{escape(f'curl -s ADDRESS{path} {KEY} {sent}')}</pre>"
    yield from _fields(line["title"], line)


def _fields(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_kind(about)}</td>"
        f"<td>{'required' if field in required else escape(json.dumps(about.get('default')))}</td>"
        f"<td>{escape(about.get('description', ''))}</td></tr>"
        for field, about in schema.get("properties", {}).items()
    )
    yield f"<table><tr><th>Field</th><th>Type</th><th>Default</th><th>Meaning</th></tr>{rows}</table>"


def _curl(path: str, example: dict[str, Any]) -> str:
    return f"curl -s ADDRESS{path} {KEY} -H 'Content-Type: application/json' -d '{json.dumps(example)}'"


def _answer(answer: dict[str, Any]) -> str:
    for media_type, content in answer.get("content", {}).items():
        return _kind(content["schema"]) if media_type == "application/json" else escape(media_type)
    return ""


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _kind(schema: dict[str, Any]) -> str:
    """HTML for a type, with a link to the fields of a named one."""
    if "$ref" in schema:
        name = escape(_name(schema))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(escape(json.dumps(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return escape(str(schema.get("type", "any")))
