"""Starts, watches and stops the containers of a compose file."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.docker.compose_file import ComposeFile
from tests.docker.container import Mount, Specification
from tests.docker.images import Image, Images

POLL_SECONDS = 0.1
READY_SECONDS = 240
STOP_SECONDS = 60


class Containers:
    """Those of one compose file; what runs in the background is remembered in files."""

    def __init__(self, compose: ComposeFile, folder: Path) -> None:
        self.compose = compose
        self.folder = folder
        self.images = Images(folder)
        self.state = folder / "running"
        self.state.mkdir(exist_ok=True)

    def start(self, name: str) -> None:
        """In the background, after all that it depends on."""
        if self._process(name) is not None:
            return
        self.start_what_it_needs(name)
        for old in self._files(name):
            old.unlink(missing_ok=True)
        pid, log, result = self._files(name)
        supervisor = [sys.executable, "-m", "tests.docker.supervisor", str(log), str(result)]
        command = [*supervisor, *self.command(name)]
        # Without our own output: who reads it would wait for the container's end.
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        pid.write_text(str(process.pid))
        say(f"{name}: started")

    def start_what_it_needs(self, name: str) -> None:
        """Services until they are healthy, and one-shot ones to their good end."""
        for other, wanted in self.compose.all_services[name].get("depends_on", {}).items():
            if wanted["condition"] == "service_completed_successfully":
                if self.run(other) != 0:
                    raise SystemExit(f"{other} has failed, so {name} is not started")
                continue
            self.start(other)
            self.wait_until_healthy(other)

    def run(self, name: str, arguments: Sequence[str] = (), entrypoint: Sequence[str] = ()) -> int:
        """In the foreground, after all that it depends on; its exit code."""
        self.start_what_it_needs(name)
        return subprocess.run(self.command(name, arguments, entrypoint), check=False).returncode

    def wait_until_healthy(self, name: str) -> None:
        """Until the health check of the service, or of its image, succeeds; says how long it took."""
        if not self._health(name):
            return
        start = self._files(name)[0].stat().st_mtime
        while subprocess.run(self._check(name), capture_output=True, check=False).returncode != 0:
            if self._process(name) is None or time.time() - start > READY_SECONDS:
                raise SystemExit(f"{name} does not become healthy:\n{self.log(name)}")
            time.sleep(POLL_SECONDS)
        seen = self.state / f"{name}.healthy"
        if not seen.exists():
            seen.write_text(f"{time.time() - start:.1f}")
            say(f"{name}: healthy {seen.read_text()} s after its start")

    def stop_all(self) -> dict[str, int]:
        """Stop what runs, services before what they depend on; exit codes by name."""
        codes = {}
        for name in self._running():
            process = self._process(name)
            _, _, result = self._files(name)
            if process is not None:
                os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while not result.exists():
                if time.monotonic() > deadline:
                    raise SystemExit(f"{name} does not stop")
                time.sleep(POLL_SECONDS)
            codes[name] = int(result.read_text())
            self._files(name)[0].unlink()
            (self.state / f"{name}.healthy").unlink(missing_ok=True)
            say(f"{name}: ended with {codes[name]}")
        return codes

    def log(self, name: str) -> str:
        """What it has written so far."""
        return self._files(name)[1].read_text(errors="replace")

    def command(self, name: str, arguments: Sequence[str] = (), entrypoint: Sequence[str] = ()) -> list[str]:
        """What starts a container of the service."""
        service = self.compose.all_services[name]
        image = self.images.find(service["image"])
        command = [*(entrypoint or image.entrypoint), *(arguments or service.get("command") or image.command)]
        return self._specification(name, image, command).command(self.state / f"{name}-{os.getpid()}.json")

    def _specification(self, name: str, image: Image, command: list[str]) -> Specification:
        service = self.compose.all_services[name]
        return Specification(
            root=image.root,
            arguments=command,
            environment={**image.environment, **{key: str(value) for key, value in service["environment"].items()}}
            if "environment" in service
            else image.environment,
            folder=image.folder,
            user=service.get("user", image.user),
            read_only=service.get("read_only", False),
            no_new_privileges="no-new-privileges:true" in service.get("security_opt", []),
            drop_capabilities="ALL" in service.get("cap_drop", []),
            network=service.get("network_mode") != "none",
            mounts=self._mounts(service, image),
        )

    def _mounts(self, service: dict[str, Any], image: Image) -> list[Mount]:
        found = [Mount("/etc/hosts", str(self._hosts()), read_only=True)]
        found += [Mount(place, source, read_only=True) for place, source in image.extra_mounts.items()]
        for temporary in service.get("tmpfs", []):
            target, _, options = temporary.partition(":")
            found.append(Mount(target, options=options))
        for volume in service.get("volumes", []):
            source, target, *mode = volume.rsplit(":", 2) if volume.count(":") == 2 else volume.split(":")
            place = self._volume(source, target, image) if "/" not in source else self.compose.folder / source
            found.append(Mount(target, str(place), read_only=mode == ["ro"]))
        for secret in service.get("secrets", []):
            found.append(Mount(f"/run/secrets/{secret}", str(self.compose.secrets[secret]), read_only=True))
        return found

    def _volume(self, name: str, target: str, image: Image) -> Path:
        """A named volume begins as the image's folder of that place, with its owner."""
        place = self.folder / "volumes" / name
        if not place.exists():
            place.mkdir(parents=True)
            origin = Path(image.root) / target.lstrip("/")
            if origin.exists():
                shutil.copystat(origin, place)
                os.chown(place, origin.stat().st_uid, origin.stat().st_gid)
            else:
                os.chown(place, *map(int, image.user.split(":")))
        return place

    def _hosts(self) -> Path:
        """All services are one machine here, so each name is loopback's."""
        names = {"localhost", *self.compose.all_services}
        for service in self.compose.all_services.values():
            networks = service.get("networks", {})
            for network in networks.values() if isinstance(networks, dict) else []:
                names.update((network or {}).get("aliases", []))
        path = self.folder / "hosts"
        path.write_text(f"127.0.0.1 {' '.join(sorted(names))}\n")
        return path

    def _health(self, name: str) -> list[str]:
        service = self.compose.all_services[name]
        said = service.get("healthcheck", {})
        if said.get("disable"):
            return []
        return said["test"][1:] if "test" in said else self.images.find(service["image"]).health

    def _check(self, name: str) -> list[str]:
        """The health check in a container beside the first, with the same mounts and network."""
        image = self.images.find(self.compose.all_services[name]["image"])
        health = self._health(name)
        program = health if health[0].startswith("/") else ["/usr/bin/env", *health]
        return self._specification(name, image, program).command(self.state / f"{name}-health.json")

    def _files(self, name: str) -> tuple[Path, Path, Path]:
        return self.state / f"{name}.pid", self.state / f"{name}.log", self.state / f"{name}.result"

    def _process(self, name: str) -> int | None:
        pid, _, result = self._files(name)
        return int(pid.read_text()) if pid.is_file() and not result.is_file() else None

    def _running(self) -> list[str]:
        """The last started first."""
        started = sorted(self.state.glob("*.pid"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [path.stem for path in started]


def say(text: str) -> None:
    """A line on standard error, as compose itself writes what it does."""
    print(f"compose stand-in: {text}", file=sys.stderr, flush=True)  # noqa: T201
