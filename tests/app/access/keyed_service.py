"""A service behind keys, and keys of every kind, for tests."""

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from app.access.gate import KeyGate, open_gate
from app.access.keys import create_key, revoke_key
from app.access.scopes import Scope
from app.bundles.open_bundle import BundleOpener
from app.database.engine import migrate
from app.settings import Settings, load_settings
from app.web.application import create_app
from tests.app.fakes import FakeCoder, index_into, write_dataset


def indexed_database(folder: Path, coder: FakeCoder) -> str:
    """A SQLite file with the invented notes and their texts."""
    url = f"sqlite:///{folder}/notes.sqlite3"
    migrate(url)
    index_into(url, coder, write_dataset(folder / "data"), store_text=True)
    return url


def keyed_app(
    url: str, coder: FakeCoder, opener: BundleOpener | None = None, **settings: object
) -> tuple[FastAPI, KeyGate]:
    """The service, and its gate, with which keys can be made; strangers may knock as often as they like."""
    loaded: Settings = load_settings(database=url, **({"stranger_limit": "none"} | settings))
    gate = open_gate(loaded, no_auth=False)
    assert isinstance(gate, KeyGate)
    return create_app(loaded, coder, gate, None, opener), gate


def make_key(gate: KeyGate, *scopes: Scope, lifetime: timedelta | None = None) -> str:
    """The text of a new key."""
    return create_key(gate.engine, gate.secret, "Testperson", frozenset(scopes), lifetime).text


def keys_of_every_kind(gate: KeyGate) -> dict[str, str | None]:
    """By name: a header's key, None for no header."""
    revoked = create_key(gate.engine, gate.secret, "gone", frozenset(Scope))
    revoke_key(gate.engine, revoked.key_id)
    whole = make_key(gate, *Scope)
    refused = {
        "none": None,
        "wrong": whole[:-4] + ("AAAA" if not whole.endswith("AAAA") else "BBBB"),
        "malformed": "Zzyzxcanary",
        "revoked": revoked.text,
        "expired": make_key(gate, *Scope, lifetime=timedelta(seconds=-1)),
    }
    return refused | {scope.value: make_key(gate, scope) for scope in Scope}


def bearer(key: str | None) -> dict[str, str]:
    """The headers of a request with this key."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}
