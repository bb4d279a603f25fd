"""Tokens of an identity provider: which are let in, and that each refusal names its claim and no value."""

import asyncio
import json
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.gate import KeyGate
from app.access.scopes import GrantedScopes, Scope, parse_grants
from app.access.signing_keys import KeysOfFile, parse_keys
from app.access.tokens import TokenVerifier, subject_name
from app.errors import WrongToken
from model.errors import InvalidOption
from tests.app.access.fake_identity_provider import (
    AUDIENCE,
    ISSUER,
    KINDS,
    SUBJECT,
    by_hand,
    jwks,
    public_pem,
    settings_of,
    token,
)
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import NOTES, FakeCoder

Trusting = tuple[TestClient, KeyGate]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provider")


@pytest.fixture(scope="module")
def trusting(folder: Path) -> Iterator[Trusting]:
    """A service that trusts the provider."""
    coder = FakeCoder()
    app, gate = keyed_app(indexed_database(folder, coder), coder, rate_limit="none", **settings_of(folder))
    with TestClient(app) as client:
        yield client, gate


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_good_token_opens_what_it_grants(trusting: Trusting, algorithm: str) -> None:
    """By every allowed algorithm; beside keys."""
    client, gate = trusting
    headers = bearer(token(algorithm))
    assert client.post("/v1/predict", json={"text": "diabetes"}, headers=headers).status_code == 200
    narrow = client.post("/v1/neighbours", json={"text": "diabetes"}, headers=headers)
    assert problem(narrow) == (403, "missing-scope")
    assert client.get("/v1/model", headers=bearer(make_key(gate, Scope.TEXT))).status_code == 200


def refused() -> dict[str, tuple[str, str | None]]:
    """Tokens with the part that is named."""
    now = int(time.time())
    good = token()
    head, body, signature = good.split(".")
    return {
        "expired": (token(exp=now - 60), "exp"),
        "without expiry": (token(exp=None), "exp"),
        "of the future": (token(nbf=now + 86_400), "nbf"),
        "for another": (token(aud="somebody-else"), "aud"),
        "for nobody": (token(aud=None), "aud"),
        "of another issuer": (token(iss="https://evil.example"), "iss"),
        "of no issuer": (token(iss=None), "iss"),
        "of nobody": (token(sub=None), "sub"),
        "of a number": (token(sub=17), "sub"),
        "of an empty subject": (token(sub=""), "sub"),
        "by an unknown key": (token(key="foreign", kid="foreign"), "kid"),
        "without a key id": (token(kid=None), "kid"),
        "by another's key": (token(key="foreign"), "signature"),
        "changed": (f"{head}.{token(sub='admin').split('.')[1]}.{signature}", "signature"),
        "without signature": (f"{head}.{body}.", "signature"),
        "unsigned": (by_hand({"alg": "none", "kid": "RS256"}), "alg"),
        "unsigned, spelled otherwise": (by_hand({"alg": "NoNe", "kid": "RS256"}), "alg"),
        "HS256 under the public key": (by_hand({"alg": "HS256", "kid": "RS256"}, public_pem("RS256")), "alg"),
        "RS256 that is HMAC": (by_hand({"alg": "RS256", "kid": "RS256"}, public_pem("RS256")), "signature"),
        "by a key of another kind": (by_hand({"alg": "ES256", "kid": "RS256"}, b"x"), "alg"),
        "by an algorithm that is not allowed": (token("RS512", "RS256", "RS256"), "alg"),
        "algorithm that is a list": (by_hand({"alg": ["RS256"], "kid": "RS256"}, b"x"), "alg"),
        "with an extension that we must understand": (by_hand({"alg": "RS256", "kid": "RS256", "crit": ["x"]}), None),
        "no token": ("a.b.c", "header"),
        "granting nothing": (token(scope="openid profile"), "scope"),
        "granting a number": (token(scope=5), "scope"),
    }


@pytest.mark.parametrize("what", list(refused()))
def test_a_refusal_names_the_claim_and_never_the_token(trusting: Trusting, logs: StringIO, what: str) -> None:
    """With 401 and the challenge; neither answer nor log holds a part of it."""
    client, _ = trusting
    sent, part = refused()[what]  # anew: one that was made when the tests were collected may have expired
    answer = client.get("/v1/model", headers=bearer(sent))
    assert problem(answer) == (401, "wrong-token")
    (named,) = answer.json()["errors"]
    if part is not None:
        assert named["field"] == part
    assert answer.json()["detail"].startswith(f"{named['field']} {named['problem']}: ask")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    told = answer.text + str(answer.headers) + logs.getvalue()
    assert not [piece for piece in sent.split(".") if len(piece) > 5 and piece in told]
    assert "evil.example" not in told
    assert SUBJECT not in told


def test_a_service_without_a_provider_knows_no_token(tmp_path: Path, coder: FakeCoder) -> None:
    """It is a wrong key there."""
    app, _ = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app) as client:
        assert problem(client.get("/v1/model", headers=bearer(token()))) == (401, "wrong-key")


def test_the_access_log_names_the_subject_by_a_pseudonym(trusting: Trusting, logs: StringIO) -> None:
    """The same for each of its tokens, another for another subject, and never the name itself."""
    client, gate = trusting
    for subject in (SUBJECT, SUBJECT, "other"):
        headers = bearer(token("ES256", sub=subject, scope="neighbours"))
        answer = client.post("/v1/neighbours", json={"text": NOTES[2].text, "neighbours": 1}, headers=headers)
        assert answer.status_code == 200
    who = [row[0] for row in logged(gate.engine)][-3:]
    assert who == [subject_name(gate.secret, ISSUER, name) for name in (SUBJECT, SUBJECT, "other")]
    assert who[0] != who[2]
    assert all(name.startswith("sub-") and len(name) == 36 for name in who)
    lines = [json.loads(line) for line in logs.getvalue().splitlines() if '"request"' in line]
    assert [line["who"] for line in lines] == who
    assert SUBJECT not in logs.getvalue()


def test_each_subject_has_a_rate_of_its_own(tmp_path: Path, coder: FakeCoder) -> None:
    """Whatever tokens it comes with."""
    app, _ = keyed_app(indexed_database(tmp_path, coder), coder, rate_limit="2/minute", **settings_of(tmp_path))
    with TestClient(app) as client:
        found = [
            client.get("/v1/model", headers=bearer(token(kind))).status_code for kind in ("RS256", "ES256", "EdDSA")
        ]
        assert found == [200, 200, 429]
        assert client.get("/v1/model", headers=bearer(token(sub="other"))).status_code == 200


@pytest.mark.parametrize(
    ("claim", "roles", "claims", "scopes"),
    [
        ("scope", "", {"scope": "predict text openid"}, {"predict", "text"}),
        ("scp", "", {"scp": ["predict", 5, "admin"]}, {"predict", "admin"}),
        (
            "realm_access.roles",
            "coder=predict+neighbours",
            {"realm_access": {"roles": ["coder"]}},
            {"predict", "neighbours"},
        ),
        ("realm_access.roles", "", {"realm_access": ["predict"]}, set()),
        (
            "https://a.example/roles",
            "x=text,y=admin",
            {"https://a.example/roles": ["y", "x", "predict"]},
            {"text", "admin"},
        ),
        ("roles", "urn:a=b=text", {"roles": ["urn:a=b"]}, {"text"}),
        ("roles", "coder=predict", {"roles": {"coder": True}}, set()),
        ("roles", "coder=predict", {}, set()),
    ],
)
def test_what_a_claim_grants(claim: str, roles: str, claims: dict[str, Any], scopes: set[str]) -> None:
    """Lists and strings, nested and not, by mapping or by our own names."""
    assert GrantedScopes(claim, parse_grants(roles)).of(claims) == scopes


@pytest.mark.parametrize("roles", ["coder", "coder=", "=predict", "coder=predict+everything", "a=text,,b=text"])
def test_a_mapping_that_is_none(roles: str) -> None:
    """Named by its setting."""
    with pytest.raises(InvalidOption, match="ICD_CODER_OIDC_ROLES cannot be used at "):
        parse_grants(roles)


headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5u"]),
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3))
    | st.sampled_from(["RS256", "none"]),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers.map(lambda header: by_hand(header, b"x")) | st.text().map(lambda text: f"{text}.."))
def test_no_header_is_an_unforeseen_error(text: str) -> None:
    """Whatever stands in it, the answer is a refusal."""
    keys = KeysOfFile(parse_keys(json.dumps(jwks("RS256")).encode()))
    scopes = GrantedScopes("scope", parse_grants(""))
    verifier = TokenVerifier(ISSUER, AUDIENCE, frozenset({"RS256"}), keys, scopes, b"s" * 32)
    with pytest.raises(WrongToken):
        asyncio.run(verifier.caller(text))
