"""When an identity provider is asked for its keys, and what becomes of bad answers."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from app.access.signing_keys import FLOOR_SECONDS, FRESH_SECONDS, MOST_BYTES, STALE_SECONDS, FetchedKeys, parse_keys
from app.access.tokens import open_token_verifier
from app.errors import IdentityUnavailable
from app.settings import load_settings
from app.web.tracing import open_tracing
from model.errors import IcdCoderError, InvalidOption, MalformedInput, MissingInput
from tests.app.access.fake_identity_provider import jwks, settings_of


class Provider:
    """Counts its visits; ``answer`` gives each its response. Time passes by hand."""

    def __init__(self) -> None:
        self.visits = 0
        self.now = 1000.0
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(200, json=jwks("RS256"))

    def keys(self) -> FetchedKeys:
        """Keys of this provider; nothing is fetched yet."""
        return FetchedKeys("https://login.example/jwks", httpx.MockTransport(self._visit), lambda: self.now)

    async def _visit(self, _request: httpx.Request) -> httpx.Response:
        self.visits += 1
        await asyncio.sleep(0)
        return self.answer()


def knows(keys: FetchedKeys, key_id: str) -> bool:
    """Whether a key is found."""
    return asyncio.run(keys.find(key_id)) is not None


def test_keys_are_fetched_once_and_then_known() -> None:
    """Not at the start."""
    provider = Provider()
    keys = provider.keys()
    assert provider.visits == 0
    assert [knows(keys, "RS256") for _ in range(5)] == [True] * 5
    assert provider.visits == 1


def test_an_unknown_key_is_asked_for_once_a_minute_at_most() -> None:
    """And found as soon as the provider has it."""
    provider = Provider()
    keys = provider.keys()
    assert knows(keys, "RS256")
    assert [knows(keys, f"guess-{number}") for number in range(50)] == [False] * 50
    assert provider.visits == 1
    provider.answer = lambda: httpx.Response(200, json=jwks("RS256", "ES256"))
    provider.now += FLOOR_SECONDS
    assert knows(keys, "ES256")
    assert [knows(keys, f"guess-{number}") for number in range(50)] == [False] * 50
    assert provider.visits == 2


def test_requests_that_come_together_share_a_fetch() -> None:
    """All of them get the key."""
    provider = Provider()
    keys = provider.keys()

    async def together() -> list[object]:
        return await asyncio.gather(*(keys.find("RS256") for _ in range(20)))

    assert None not in asyncio.run(together())
    assert provider.visits == 1


def test_a_withdrawn_key_is_forgotten_within_an_hour() -> None:
    """Without a token that names another."""
    provider = Provider()
    keys = provider.keys()
    assert knows(keys, "RS256")
    provider.answer = lambda: httpx.Response(200, json=jwks("ES256"))
    assert knows(keys, "RS256")
    provider.now += FRESH_SECONDS
    assert not knows(keys, "RS256")


def _too_large() -> httpx.Response:
    return httpx.Response(200, content=b" " * (MOST_BYTES + 1))


def _gone() -> httpx.Response:
    raise httpx.ConnectError("Zzyzx")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(500), lambda: httpx.Response(200, text="<html>"), lambda: httpx.Response(200, json=[1]),
        lambda: httpx.Response(200, json={"keys": []}), lambda: httpx.Response(200, json={"keys": 5}),
        lambda: httpx.Response(302, headers={"Location": "https://evil.example/"}), _too_large, _gone,
    ],
)  # fmt: skip
def test_a_provider_that_fails(answer: Callable[[], httpx.Response], logs: StringIO) -> None:
    """No key yet: a 503. Known keys: kept for a day. It is asked no more often."""
    provider = Provider()
    good, provider.answer = provider.answer, answer
    keys = provider.keys()
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            knows(keys, "RS256")
    assert provider.visits == 1
    assert "cannot be had" in logs.getvalue()
    assert "Zzyzx" not in logs.getvalue()
    provider.answer = good
    provider.now += FLOOR_SECONDS
    assert knows(keys, "RS256")
    provider.answer = answer
    provider.now += STALE_SECONDS - 1
    assert knows(keys, "RS256")
    provider.now += FLOOR_SECONDS
    with pytest.raises(IdentityUnavailable):
        knows(keys, "RS256")


class Visited(BaseHTTPRequestHandler):
    """Answers with keys, and keeps what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(jwks("RS256")).encode())

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    def do_POST(self) -> None:
        self.do_CONNECT()

    def log_message(self, *_: object) -> None:
        """Not to standard error."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a proxy that the environment names for everything."""
    Visited.asked.clear()
    server = HTTPServer(("127.0.0.1", 0), Visited)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, address)
        monkeypatch.setenv(name.lower(), address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/jwks", "https://127.0.0.1:1/jwks"])
def test_keys_do_not_come_from_a_proxy_of_the_environment(proxy: str, address: str) -> None:
    """Who sets HTTP_PROXY could hand out keys of its own; a proxy counts where the settings name it."""
    with pytest.raises(IdentityUnavailable):
        knows(FetchedKeys(address), "RS256")
    assert Visited.asked == []
    with contextlib.suppress(IdentityUnavailable):  # the stand-in opens no tunnel
        assert knows(FetchedKeys(address, proxy=proxy), "RS256")
    assert len(Visited.asked) == 1


def test_spans_do_not_pass_a_proxy_of_the_environment(proxy: str) -> None:
    """The other connection that the service opens over HTTP."""
    tracing = open_tracing(load_settings(tracing_collector="http://127.0.0.1:1/v1/traces"))
    assert tracing is not None
    assert proxy
    tracing.report_stage("queue", 0.1)
    tracing.close()
    assert Visited.asked == []


def test_only_public_signing_keys_with_an_id_are_taken() -> None:
    """A shared secret in a JWKS is no key of ours."""
    (rsa,) = jwks("RS256")["keys"]
    others = [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}, {**rsa, "kid": 5}, {**rsa, "kid": "b", "use": "enc"}, "key"]
    assert set(parse_keys(json.dumps({"keys": [rsa, *others]}).encode())) == {"RS256"}
    with pytest.raises(ValueError, match="no public key"):
        parse_keys(json.dumps({"keys": others}).encode())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"oidc_audience": None}, InvalidOption, "ICD_CODER_OIDC_AUDIENCE"),
        ({"oidc_issuer": None, "oidc_jwks": ""}, InvalidOption, "ICD_CODER_OIDC_ISSUER and ICD_CODER_OIDC_JWKS"),
        ({"oidc_algorithms": "RS256,HS256"}, InvalidOption, "ICD_CODER_OIDC_ALGORITHMS"),
        ({"oidc_algorithms": "none"}, InvalidOption, "ICD_CODER_OIDC_ALGORITHMS"),
        ({"oidc_algorithms": ""}, InvalidOption, "ICD_CODER_OIDC_ALGORITHMS"),
        ({"oidc_jwks": "http://login.example/jwks"}, InvalidOption, "https://"),
        ({"oidc_jwks": "absent.json"}, MissingInput, "'absent.json' cannot be read"),
        ({"oidc_jwks": "https://login.example/k", "oidc_proxy": "proxy:3128"}, InvalidOption, "ICD_CODER_OIDC_PROXY"),
        ({"oidc_jwks": "https://login.example/k", "oidc_proxy": "http://"}, InvalidOption, "ICD_CODER_OIDC_PROXY"),
        ({"oidc_roles": "x=y"}, InvalidOption, "ICD_CODER_OIDC_ROLES"),
    ],
)
def test_settings_that_do_not_fit(
    tmp_path: Path, changes: dict[str, str | None], error: type[IcdCoderError], words: str
) -> None:
    """One sentence at the start."""
    with pytest.raises(error, match=words):
        open_token_verifier(load_settings(**{**settings_of(tmp_path), **changes}), b"s" * 32)


def test_a_file_that_is_no_jwks(tmp_path: Path) -> None:
    """Named."""
    (tmp_path / "keys").write_text("-----BEGIN")
    with pytest.raises(MalformedInput, match="keys' cannot be used"):
        open_token_verifier(load_settings(**{**settings_of(tmp_path), "oidc_jwks": str(tmp_path / "keys")}), b"s" * 32)


def test_nothing_is_trusted_unless_configured() -> None:
    """Nor fetched."""
    assert open_token_verifier(load_settings(), b"s" * 32) is None
