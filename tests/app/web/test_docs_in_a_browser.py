"""A request is tried on the page at /docs, in Chromium, and nothing but the service is asked."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from app.access.scopes import Scope
from tests.app.access.keyed_service import indexed_database, keyed_app, make_key
from tests.app.fakes import FakeCoder
from tests.app.web.chromium import PROGRAM, Page, open_page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
OPERATION = "#operations-coding-predict_v1_predict_post"
WRITE = """((field, value) => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value);
    field.dispatchEvent(new Event('input', {bubbles: true}));
})"""
"""React reads a field when it hears of an input."""


@pytest.fixture
def service(tmp_path: Path, coder: FakeCoder) -> Iterator[tuple[str, str]]:
    """Address and key of a service behind keys."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    key = make_key(gate, *Scope)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        yield f"http://127.0.0.1:{bound.getsockname()[1]}", key
        server.should_exit = True
        thread.join()


def click(page: Page, selector: str) -> None:
    page.wait_for(f"document.querySelector('{selector}')")
    page.evaluate(f"document.querySelector('{selector}').click()")


def execute(page: Page) -> str:
    """Send the request of the open operation; the status that the page shows."""
    page.evaluate("document.querySelector('.live-responses-table')?.remove()")
    click(page, f"{OPERATION} .execute")
    status = f"{OPERATION} .live-responses-table .response .response-col_status"
    page.wait_for(f"document.querySelector('{status}')")
    return str(page.evaluate(f"document.querySelector('{status}').innerText")).split()[0]


def test_a_request_is_tried_with_a_key(service: tuple[str, str], tmp_path: Path) -> None:
    """From the root to an answer; all that is loaded comes from the service, and its policy is not broken."""
    address, key = service
    with open_page(tmp_path / "profile") as page:
        page.open(f"{address}/")
        click(page, ".btn.authorize")
        page.wait_for("document.querySelector('.auth-container input')")
        page.evaluate(f"{WRITE}(document.querySelector('.auth-container input'), '{key}')")
        click(page, ".auth-container button[type=submit]")
        click(page, ".btn-done")
        click(page, f"{OPERATION} .opblock-summary-control")
        click(page, f"{OPERATION} .try-out__btn")
        assert execute(page) == "200"
        assert page.evaluate("location.pathname") == "/docs"
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert [asked for asked in page.requested if not asked.startswith((f"{address}/", "data:"))] == []
    assert f"{address}/v1/predict" in page.requested
    assert page.errors == []
