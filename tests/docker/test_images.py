"""The Dockerfile and the compose files, without an engine: linters, schema, and what a security review asks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker.compose_file import load

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
FILES = ["compose.yaml", "train.compose.yaml"]
NAMED = {"MIMIC": "/mimic", "WEIGHTS": "/weights", "COMPOSE_PROFILES": "cpu,gpu,metrics,tool"}
SCHEMA = ("--builtin-schema", "vendor.compose-spec", "--output-format", "text")
SCRIPTS = sorted([*DOCKER.glob("*.sh"), *(ROOT / "tests" / "docker").glob("*.sh"), *(ROOT / ".ci").iterdir()])
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def lint(program: str, *arguments: object) -> str:
    """What a linter has to say."""
    found = shutil.which(program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{program} is not here: pip install '.[dev]'")
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False).stdout


def services() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """File, name and content of every service."""
    for name in FILES:
        compose = load({**NAMED, "COMPOSE_FILE": str(DOCKER / name)})
        for service in compose.all_services:
            yield name, service, compose.all_services[service]


ALL = [pytest.param(content, id=f"{file}:{name}") for file, name, content in services()]


def test_the_dockerfile_passes_its_linter() -> None:
    """hadolint, whose rules cover the shell in it too."""
    assert lint("hadolint", DOCKER / "Dockerfile") == ""


@pytest.mark.parametrize(
    "script", sorted([*DOCKER.glob("*.sh"), *Path(__file__).parent.glob("*.sh"), *(ROOT / ".ci").iterdir()]), ids=str
)
def test_a_script_passes_its_linter(script: Path) -> None:
    """shellcheck, for the shell that the script names."""
    assert lint("shellcheck", script) == ""


def test_the_compose_files_fit_the_schema(tmp_path: Path) -> None:
    """That of the Compose Specification; a misspelt key, planted beside them, is all that does not."""
    wrong = tmp_path / "compose.yaml"
    wrong.write_text("services:\n  one:\n    image: one\n    reed_only: true\n")
    found = lint("check-jsonschema", *SCHEMA, *(DOCKER / name for name in FILES), wrong)
    assert re.findall(r"^  (\S+?)::", found, re.MULTILINE) == [str(wrong)]
    assert "reed_only" in found


@pytest.mark.parametrize("service", ALL)
def test_a_container_has_no_privilege(service: dict[str, Any]) -> None:
    """A numbered user who is not root, nothing of root's powers, and a root that cannot be written."""
    user, group = map(int, service["user"].split(":"))
    assert user > 0
    assert group > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not service.get("privileged")


@pytest.mark.parametrize("service", ALL)
def test_a_port_is_open_to_this_machine_alone(service: dict[str, Any]) -> None:
    """Other machines come in through a server that speaks HTTPS."""
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("service", ALL)
def test_no_secret_stands_in_the_environment(service: dict[str, Any]) -> None:
    """Passwords are named by their files."""
    for name, value in service.get("environment", {}).items():
        if re.search("password|secret|key", f"{name} {value}", re.IGNORECASE):
            assert "/run/secrets/" in value, name
        assert not re.search(r"://\w+:[^@/]+@", value), name


@pytest.mark.parametrize("service", ALL)
def test_an_image_of_others_is_pinned_by_its_digest(service: dict[str, Any]) -> None:
    """A tag can be moved; ours are built here."""
    assert service["image"].startswith("icd-coder:") or DIGEST.search(service["image"])


def test_the_base_is_pinned_by_its_digest() -> None:
    """And can be replaced by an argument of the build."""
    [base] = re.findall(r"^ARG BASE=(.*)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert DIGEST.search(base)


def test_networks_lead_nowhere() -> None:
    """Inside there is no way out, and training has no network at all."""
    compose = load({**NAMED, "COMPOSE_FILE": str(DOCKER / "compose.yaml")})
    assert compose.networks["inside"] == {"internal": True}
    assert compose.networks["front"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    for file, name, service in services():
        if file == "train.compose.yaml":
            assert service["network_mode"] == "none", name
        elif "ports" not in service:
            assert service["networks"] == ["inside"], name


def test_tables_of_patients_are_mounted_read_only() -> None:
    """MIMIC, and the bundle of a service."""
    mounted = {(file, name): service.get("volumes", []) for file, name, service in services()}
    assert "/mimic:/mimic:ro" in mounted["train.compose.yaml", "prepare"]
    assert mounted["compose.yaml", "cpu"] == ["bundles:/bundles:ro"]


def test_a_missing_folder_is_named() -> None:
    """Before anything starts."""
    with pytest.raises(SystemExit, match="the variable MIMIC is not set: name the folder of MIMIC-III"):
        load({"COMPOSE_FILE": str(DOCKER / "train.compose.yaml")})


def test_nothing_but_the_package_goes_to_the_builder(tmp_path: Path) -> None:
    """.dockerignore begins by leaving everything out."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:].split("/")[0] for rule in rules if rule.startswith("!")}
    assert let_in == {
        *("app", "icd_coder_client", "model", "training", "migrations", "docker"),
        *("icd_coder.py", "demo.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"),
    }


def copy_mounted(folder: Path) -> None:
    """The script, and the files that compose.yaml mounts beside it."""
    for name in ("secrets.sh", "database.sh", "prometheus.yml"):
        shutil.copy(DOCKER / name, folder)


def drawn_secrets(folder: Path) -> dict[str, str]:
    """What is there after a run of the script."""
    subprocess.run(["sh", folder / "secrets.sh"], check=True, stderr=subprocess.DEVNULL)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_secrets_are_drawn_once_and_kept(tmp_path: Path) -> None:
    """64 hex digits each, in a folder that its owner alone can enter."""
    copy_mounted(tmp_path)
    first, second = (drawn_secrets(tmp_path) for _ in range(2))
    assert first == second
    assert len(set(first.values())) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in first.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_container_reads_what_a_strict_umask_made_private(tmp_path: Path) -> None:
    """A mounted file keeps its mode, and the container's user is another one."""
    copy_mounted(tmp_path)
    (tmp_path / "database.sh").chmod(0o700)
    (tmp_path / "prometheus.yml").chmod(0o600)
    drawn_secrets(tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != "secrets.sh"}
    assert modes == {"secrets": 0o700, "database.sh": 0o755, "prometheus.yml": 0o644}


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("install.sh", [], "say 'system' or 'packages cpu|gpu'"),
        ("install.sh", ["packages", "tpu"], "'tpu' is no variant of the image: use cpu or gpu"),
        ("wheels.sh", ["tpu"], "say 'cpu FOLDER' or 'gpu FOLDER'"),
    ],
)
def test_a_script_names_what_it_cannot_do(script: str, arguments: list[str], words: str) -> None:
    """In one line, with exit code 2."""
    done = subprocess.run(["sh", DOCKER / script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr


def test_the_index_of_torch_is_asked_for_torch_alone(tmp_path: Path) -> None:
    """What torch needs is pinned to versions that such an index need not have."""
    calls = tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "TORCH_INDEX": "https://torch.invalid/whl"}
    command = ["sh", str(DOCKER / "wheels.sh"), "cpu", str(tmp_path / "wheels")]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    of_torch, of_all = calls.read_text().splitlines()
    assert {"https://torch.invalid/whl", "--no-deps"} <= set(of_torch.split())
    assert not {"https://torch.invalid/whl", "--no-deps"} & set(of_all.split())
