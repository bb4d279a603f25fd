"""Bundles as an administrator sees them: registered, given aliases, loaded; and what is refused changes nothing."""

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.bundles.open_bundle import open_named
from app.database.engine import open_engine
from app.errors import BundleRefused, DatabaseUnavailable, UnknownBundle
from app.settings import load_settings
from app.web.application import create_app
from icd_coder_client import Client
from model.errors import MissingInput
from tests.app.access_log.rows import logged
from tests.app.answers import NOTE, problem, through, wait_until_ready
from tests.app.bundles.folders import FakeOpener, bundle_app, put_bundle
from tests.app.fakes import FakeCoder, index_into
from tests.app.jobs.job_files import ended, job_file, result_lines, submit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three bundles and a folder that is none; "second" has its own embedding, "third" one that is not indexed."""
    folder = tmp_path / "bundles"
    for name, ids in (("first", "be"), ("second", "cf"), ("third", "d0"), ("broken", "damaged")):
        put_bundle(folder, name, ids)
    (folder / "empty").mkdir()
    (folder / "a-file").write_text("x")
    (folder / "a-link").symlink_to(folder / "first")
    return folder


@pytest.fixture
def opener() -> FakeOpener:
    return FakeOpener()


@pytest.fixture
def service(indexed: str, coder: FakeCoder, folder: Path, opener: FakeOpener, tmp_path: Path) -> Iterator[TestClient]:
    """Over notes that both embeddings have indexed."""
    index_into(indexed, opener.open(folder / "second"), tmp_path / "data", store_text=True)
    with TestClient(bundle_app(indexed, coder, folder, opener)) as client:
        wait_until_ready(client, coder)
        yield client


def register(client: TestClient, *names: str) -> None:
    for name in names:
        assert client.post("/v1/bundles", json={"name": name}).status_code == 201


def serving(client: TestClient) -> tuple[str, str]:
    """Letters of the ids of what answers."""
    answer = client.get("/v1/model").json()
    return answer["bundle_id"][0], answer["embedding_id"][0]


def test_a_bundle_is_registered_named_and_loaded(service: TestClient, indexed: str) -> None:
    """By its alias; from then on everything answers with it, the neighbours of its own embedding included."""
    register(service, "first", "second")
    again = service.post("/v1/bundles", json={"name": "second"})
    assert (again.status_code, again.json()["bundle_id"]) == (200, "c" * 64)
    named = service.put("/v1/bundles/aliases/production", json={"name": "second"})
    assert (named.status_code, named.json()["aliases"]) == (200, ["production"])
    assert serving(service) == ("b", "e")
    loaded = service.post("/v1/bundles/load", json={"bundle": "production"})
    assert loaded.status_code == 200
    assert loaded.json() == {
        "name": "second",
        "bundle_id": "c" * 64,
        "embedding_id": "f" * 64,
        "replaced": "b" * 64,
    }
    assert serving(service) == ("c", "f")
    answer = service.post("/v1/predict", json={"text": NOTE}).json()
    assert (answer["bundle_id"], len(answer["neighbours"])) == ("c" * 64, 3)
    assert service.get("/v1/codes").json()["bundle_id"] == "c" * 64
    assert f'bundle_id="{"c" * 64}"' in service.get("/metrics").text
    listed = service.get("/v1/bundles").json()
    assert listed["bundle_id"] == "c" * 64
    assert [(each["name"], each["aliases"], each["serving"]) for each in listed["bundles"]] == [
        ("first", [], False),
        ("second", ["production"], True),
    ]
    rows = [row[1:] for row in logged(open_engine(indexed)) if "bundles" in row[1]]
    assert rows == [
        ("POST /v1/bundles", json.dumps(["b" * 64]), 201),
        ("POST /v1/bundles", json.dumps(["c" * 64]), 201),
        ("PUT /v1/bundles/aliases/{alias}", json.dumps(["c" * 64]), 200),
        ("POST /v1/bundles/load", json.dumps(["c" * 64]), 200),
    ]


def test_names_and_aliases_survive_a_restart(
    service: TestClient, indexed: str, coder: FakeCoder, folder: Path, opener: FakeOpener
) -> None:
    """And an alias can be given to another bundle."""
    register(service, "first", "second")
    for name in ("first", "second", "production"):  # an alias of an alias is one of the bundle
        named = service.put("/v1/bundles/aliases/production", json={"name": name})
        assert named.status_code == 200, named.text
    with TestClient(bundle_app(indexed, coder, folder, opener)) as client:
        bundles = client.get("/v1/bundles").json()["bundles"]
        assert [(each["name"], each["aliases"]) for each in bundles] == [("first", []), ("second", ["production"])]
        named = client.put("/v1/bundles/aliases/other", json={"name": "production"})
        assert (named.status_code, named.json()["aliases"]) == (200, ["other", "production"])


BAD: list[tuple[str, str, dict[str, str], tuple[int, str], str]] = [
    ("POST", "", {"name": "nobody"}, (404, "unknown-bundle"), "'nobody'"),
    ("POST", "", {"name": "a-file"}, (404, "unknown-bundle"), "'a-file'"),
    ("POST", "", {"name": "a-link"}, (404, "unknown-bundle"), "'a-link'"),
    ("POST", "", {"name": "empty"}, (409, "bundle-refused"), "'empty'"),
    ("POST", "", {"name": "broken"}, (409, "bundle-refused"), "differs from its checksum"),
    ("POST", "", {"name": "production"}, (409, "name-taken"), "'production'"),
    ("POST", "", {"name": "../first"}, (422, "invalid-request"), "errors"),
    ("POST", "", {"name": ".."}, (422, "invalid-request"), "errors"),
    ("POST", "", {"name": "/etc"}, (422, "invalid-request"), "errors"),
    ("PUT", "/aliases/other", {"name": "nobody"}, (404, "unknown-bundle"), "'nobody'"),
    ("PUT", "/aliases/first", {"name": "first"}, (409, "name-taken"), "'first'"),
    ("PUT", "/aliases/.x", {"name": "first"}, (422, "invalid-request"), "errors"),
    ("POST", "/load", {"bundle": "staging"}, (404, "unknown-bundle"), "'staging'"),
    ("POST", "/load", {"bundle": "third"}, (409, "bundle-refused"), "icd-coder index"),
]
"""Method, path, body; status and slug of the problem; a word that it names."""


def test_what_cannot_be_is_a_problem_that_names_it(service: TestClient, folder: Path) -> None:
    """And nothing is changed."""
    register(service, "first", "third")
    put_bundle(folder, "production", "be")
    service.put("/v1/bundles/aliases/production", json={"name": "first"})
    before = service.get("/v1/bundles").json()
    for method, path, body, expected, word in BAD:
        refused = service.request(method, f"/v1/bundles{path}", json=body)
        assert problem(refused) == expected, body
        assert word in refused.json()["detail"], body
    assert service.get("/v1/bundles").json() == before
    assert serving(service) == ("b", "e")


@pytest.mark.parametrize("ids", ["damaged", "df"])
def test_a_bundle_that_was_changed_is_not_loaded(service: TestClient, folder: Path, ids: str) -> None:
    """Damaged, or another one in its folder; a new registration takes the other one."""
    register(service, "second")
    put_bundle(folder, "second", ids)
    assert problem(service.post("/v1/bundles/load", json={"bundle": "second"})) == (409, "bundle-refused")
    assert serving(service) == ("b", "e")
    assert service.post("/v1/predict", json={"text": NOTE}).json()["bundle_id"] == "b" * 64
    if ids == "df":
        assert service.post("/v1/bundles", json={"name": "second"}).json()["bundle_id"] == "d" * 64
        assert service.post("/v1/bundles/load", json={"bundle": "second"}).status_code == 200


def test_a_coder_that_cannot_code_is_not_swapped_in(service: TestClient, opener: FakeOpener) -> None:
    """It fails at the warm-up, before a client's note."""
    register(service, "second")
    opener.error = RuntimeError("no")
    assert problem(service.post("/v1/bundles/load", json={"bundle": "second"})) == (500, "internal-error")
    assert serving(service) == ("b", "e")


def test_a_service_whose_first_bundle_cannot_code_is_ready_with_another(
    indexed: str, coder: FakeCoder, folder: Path, opener: FakeOpener, tmp_path: Path
) -> None:
    """What answers has coded a note, whatever became of the one before."""
    index_into(indexed, opener.open(folder / "second"), tmp_path / "data", store_text=True)
    coder.error = RuntimeError("no")
    with TestClient(bundle_app(indexed, coder, folder, opener)) as client:
        assert problem(client.post("/v1/predict", json={"text": NOTE})) == (500, "internal-error")
        assert "RuntimeError" in client.get("/readyz").json()["detail"]
        register(client, "second")
        assert client.post("/v1/bundles/load", json={"bundle": "second"}).status_code == 200
        assert client.get("/readyz").status_code == 200


def test_nothing_keeps_a_bundle_that_was_replaced(url: str, folder: Path, opener: FakeOpener) -> None:
    """Its weights go from the memory, also those of the first one."""
    kept: list[weakref.ref[FakeCoder]] = []

    def made() -> FakeCoder:
        coder = FakeCoder()
        kept.append(weakref.ref(coder))
        return coder

    with TestClient(bundle_app(url, made(), folder, opener)) as client:
        assert client.post("/v1/predict", json={"text": NOTE}).status_code == 200
        register(client, "first", "second")
        for name in ("second", "first", "second"):
            assert client.post("/v1/bundles/load", json={"bundle": name}).status_code == 200
            kept.append(weakref.ref(opener.opened.pop()))
        for thread in threading.enumerate():
            if thread.name == "inference" and thread is not client.app.state.active_bundle.now.coding.inference._worker:  # type: ignore[attr-defined]
                thread.join(30)
        gc.collect()
        assert [reference() is None for reference in kept] == [True, True, True, False]


def test_a_load_that_cannot_be_logged_changes_nothing(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everything that is logged with its effect."""

    def refuse(*_: object) -> None:
        raise DatabaseUnavailable("no log")

    register(service, "second")
    monkeypatch.setattr("app.bundles.service.write_entry", refuse)
    assert problem(service.post("/v1/bundles/load", json={"bundle": "second"})) == (503, "database-unavailable")
    assert serving(service) == ("b", "e")


def test_a_job_goes_on_with_the_new_bundle(service: TestClient, coder: FakeCoder) -> None:
    """Each answer names its own."""
    register(service, "second")
    coder.gate.clear()
    try:
        job = submit(service, job_file(4)).json()["job_id"]
        assert coder.entered.acquire(timeout=30)
        assert service.post("/v1/bundles/load", json={"bundle": "second"}).status_code == 200
    finally:
        coder.gate.set()
    ended(service, job)
    assert [line["answer"]["bundle_id"][0] for line in result_lines(service, job)] == ["b", "c", "c", "c"]


def test_without_a_folder_or_a_database_there_is_nothing_to_load(indexed: str, coder: FakeCoder) -> None:
    """And the answer says what to set."""
    with TestClient(create_app(load_settings(database=indexed), coder, OpenGate())) as client:
        assert client.get("/v1/bundles").json()["bundles"] == []
        assert problem(client.post("/v1/bundles", json={"name": "x"})) == (409, "no-bundle-folder")
        assert problem(client.post("/v1/bundles/load", json={"bundle": "x"})) == (409, "no-bundle-folder")
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        assert problem(client.get("/v1/bundles")) == (409, "no-database")


def test_the_client_has_every_route(service: TestClient) -> None:
    """By its types."""
    with Client("http://127.0.0.1:8000", transport=through(service)) as client:
        assert client.register_bundle("second").name == "second"
        assert client.name_bundle("production", "second").aliases == ["production"]
        assert client.load_bundle("production").replaced == "b" * 64
        assert client.bundles().bundle_id == "c" * 64


def test_a_service_starts_by_an_alias(service: TestClient, indexed: str, folder: Path) -> None:
    """A path goes first; a word that is neither is named."""
    register(service, "second")
    service.put("/v1/bundles/aliases/production", json={"name": "second"})
    settings, opener = load_settings(database=indexed, bundles=folder), FakeOpener()
    for word in ("production", "second"):
        assert open_named(opener, Path(word), settings).bundle_id == "c" * 64
    assert open_named(opener, folder / "first", settings).bundle_id == "b" * 64
    with pytest.raises(MissingInput, match="'production' is no bundle"):
        open_named(opener, Path("production"), load_settings(database=indexed))
    with pytest.raises(UnknownBundle, match="'staging'"):
        open_named(opener, Path("staging"), settings)


def test_a_start_by_an_alias_takes_no_other_bundle(service: TestClient, indexed: str, folder: Path) -> None:
    """Nor a link: what the name was given to is what is served."""
    register(service, "second")
    settings, opener = load_settings(database=indexed, bundles=folder), FakeOpener()
    (folder / "second" / "ids").write_text("de")
    with pytest.raises(BundleRefused, match="holds another bundle than was registered"):
        open_named(opener, Path("second"), settings)
    (folder / "second").rename(folder / "away")
    (folder / "second").symlink_to(folder / "away")
    with pytest.raises(UnknownBundle, match="no folder 'second'"):
        open_named(opener, Path("second"), settings)
