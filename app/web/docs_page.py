"""The page at /docs: FastAPI's Swagger UI with its script and style served from here.

FastAPI's default page loads both from a content delivery network. The package fastapi-offline carries the files, and
the page's content security policy forbids every other host.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

ASSETS = {
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/swagger-ui.css": "text/css",
    "/docs/favicon.png": "image/png",
}
"""Path and media type of each file of the page."""
SCRIPT, STYLE, FAVICON = ASSETS
DAY = "public, max-age=86400"


def install_docs_page(app: FastAPI) -> None:
    """Serve the page at /docs and its files beneath it, and lead to it from /."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title} API",
        swagger_js_url=SCRIPT.removeprefix("/"),
        swagger_css_url=STYLE.removeprefix("/"),
        swagger_favicon_url=FAVICON.removeprefix("/"),
    )
    html = bytes(page.body).decode()
    headers = {"Content-Security-Policy": _policy(html)}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("docs", status_code=302)  # relative: a proxy keeps its scheme, host and path

    for path, media_type in ASSETS.items():
        app.add_api_route(path, _asset(path, media_type), include_in_schema=False)


def _policy(html: str) -> str:
    """Allow files of this host, the inline script of the page by its hash, and the inline styles of Swagger UI."""
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    ]
    scripts = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'"
    )


def _asset(path: str, media_type: str) -> Callable[[], Awaitable[FileResponse]]:
    file = Path(str(files("fastapi_offline"))) / "static" / Path(path).name

    async def asset() -> FileResponse:
        return FileResponse(file, media_type=media_type, headers={"Cache-Control": DAY})

    return asset
