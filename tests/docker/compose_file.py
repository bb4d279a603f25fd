"""Reads a compose file as far as ours go: profiles, variables, services, secrets."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class ComposeFile:
    """The services whose profile is active, by name, and the folder that relative paths start from."""

    folder: Path
    all_services: Mapping[str, dict[str, Any]]
    profiles: frozenset[str]
    secrets: Mapping[str, Path]
    networks: Mapping[str, dict[str, Any]]

    def active(self) -> list[str]:
        """Names of the services that ``up`` and ``build`` concern."""
        return [
            name
            for name, service in self.all_services.items()
            if not service.get("profiles") or self.profiles & set(service["profiles"])
        ]


def load(environment: Mapping[str, str] = os.environ) -> ComposeFile:
    """The file that COMPOSE_FILE names, with the profiles of COMPOSE_PROFILES."""
    path = Path(environment["COMPOSE_FILE"])
    content = fill(yaml.safe_load(path.read_text(encoding="utf-8")), environment)
    profiles = frozenset(filter(None, environment.get("COMPOSE_PROFILES", "").split(",")))
    folder = path.parent.absolute()
    secrets = {name: folder / secret["file"] for name, secret in content.get("secrets", {}).items()}
    return ComposeFile(folder, content["services"], profiles, secrets, content.get("networks", {}))


def fill(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with its variables replaced, at any depth."""
    if isinstance(value, dict):
        return {key: fill(inner, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, environment) for inner in value]
    return VARIABLE.sub(lambda found: _replacement(found, environment), value) if isinstance(value, str) else value


def _replacement(found: "re.Match[str]", environment: Mapping[str, str]) -> str:
    name, operator, rest = found.groups()
    value = environment.get(name, "")
    if value or operator is None:
        return value
    if operator == "?":
        raise SystemExit(f"the variable {name} is not set: {rest}")
    return str(rest)
