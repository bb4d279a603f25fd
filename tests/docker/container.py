"""Runs one container of the rehearsal: ``python -m tests.docker.container SPECIFICATION.json``

Its own mounts over a root that is read-only where the specification says so, the user and privileges that it asks
for, and the network of whoever started it. The process becomes the container's first one.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

DEVICES = ("null", "zero", "full", "random", "urandom")
CHILD = "tests.docker.container"


@dataclass(frozen=True)
class Mount:
    """What a container sees at ``target``: a folder or file of the host, or an empty file system (no source)."""

    target: str
    source: str | None = None
    read_only: bool = False
    options: str = ""


@dataclass(frozen=True)
class Specification:
    """A container, said without defaults."""

    root: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    user: str
    read_only: bool
    no_new_privileges: bool
    drop_capabilities: bool
    network: bool
    mounts: list[Mount] = field(default_factory=list)

    def command(self, path: Path) -> list[str]:
        """Writes the specification to ``path``; what starts the container from there."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        namespaces = ["--mount", *([] if self.network else ["--net"])]
        return ["unshare", *namespaces, "--propagation", "private", sys.executable, "-m", CHILD, str(path)]


def main(path: Path) -> None:
    """Make the mounts, go in, and become the command."""
    content = json.loads(path.read_text(encoding="utf-8"))
    mounts = [Mount(**mount) for mount in content.pop("mounts")]
    container = Specification(**content, mounts=mounts)
    root = Path(container.root)
    mount("--bind", root, root)
    make_devices(root)
    (root / "proc").mkdir(exist_ok=True)
    mount("-t", "proc", "proc", root / "proc")
    for each in mounts:
        attach(root, each)
    if container.read_only:
        mount("-o", "remount,bind,ro", root)
    os.chroot(root)
    os.chdir(container.folder)
    os.umask(0o022)
    program = [*privileges(container), *container.arguments]
    os.execve(program[0], program, container.environment)


def make_devices(root: Path) -> None:
    """A small /dev with its shared memory."""
    folder = root / "dev"
    mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder)
    for name in DEVICES:
        (folder / name).touch()
        mount("--bind", f"/dev/{name}", folder / name)
    (folder / "fd").symlink_to("/proc/self/fd")
    (folder / "shm").mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777,size=256m", "tmpfs", folder / "shm")


def within(root: Path, target: str) -> Path:
    """The place of a container's path; links lead where they would inside, never into the host's own folders."""
    place = root
    for part in Path(target).parts[1:]:
        place /= part
        if place.is_symlink():
            link = place.readlink()
            place = within(root, str(link if link.is_absolute() else "/" / place.parent.relative_to(root) / link))
    return place


def attach(root: Path, wanted: Mount) -> None:
    """One mount; its place is made where the image has none."""
    place = within(root, wanted.target)
    if wanted.source is None:
        place.mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", *(["-o", wanted.options] if wanted.options else []), "tmpfs", place)
        return
    if Path(wanted.source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    mount("--bind", wanted.source, place)
    if wanted.read_only:
        mount("-o", "remount,bind,ro", place)


def privileges(container: Specification) -> list[str]:
    """The program that gives up what the container is not to have."""
    user, group = container.user.split(":")
    options = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    if container.no_new_privileges:
        options.append("--no-new-privs")
    if container.drop_capabilities:
        options += ["--bounding-set=-all", "--inh-caps=-all"]
    return ["/usr/bin/setpriv", *options, "--"]


def mount(*arguments: object) -> None:
    """The program mount."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
