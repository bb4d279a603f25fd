"""Rehearses the images without an engine: ``python -m tests.docker.rehearse`` (`make rehearse`)

The commands of docs/how-to/docker.md are run word for word where there is no network but loopback, with a program
`docker` that builds the Dockerfile by buildah and starts what compose.yaml says (stand_in.py); then what it has
started is looked at. Where the machine cannot do that, one sentence says why, and the exit code is 0.

REHEARSAL_BUILDER=scripts runs the Dockerfile's scripts in a plain root in buildah's place.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.docker.images import ALONE, Images, run
from tests.offline import bring_loopback_up

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "--inside"
SECTION = "## From a clone to a coded note"
REPOSITORY = "ADDRESS-OF-THIS-REPOSITORY"
NAMESPACES = (*ALONE, "--net")
WHEELS_SCRIPT = ROOT / "docker" / "wheels.sh"
WHEELS_SECONDS = 900
TERMINATED = 128 + signal.SIGTERM


def refusal() -> str | None:
    """Why there can be no rehearsal here, None where there can."""
    if os.geteuid() != 0:
        return "it needs root, to make a root folder of another system"
    for program in ("debootstrap", "unshare", "git"):
        if shutil.which(program) is None:
            return f"the program {program} is not here: apt-get install {program}"
    tried = subprocess.run([*NAMESPACES, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    if tried.returncode != 0:
        return f"mounts and namespaces are not permitted ({tried.stderr.decode().strip()})"
    return None


def builder() -> str:
    """What builds the image: buildah where it is installed, unless another is asked for."""
    return os.environ.get("REHEARSAL_BUILDER") or ("buildah" if shutil.which("buildah") else "scripts")


def prepare(folder: Path) -> str | None:
    """Everything that needs a network; why it cannot be had, or None."""
    wheels = folder / "wheels"
    if os.environ.get("WHEELS"):
        wheels.symlink_to(Path(os.environ["WHEELS"]).absolute())
    else:
        try:
            run(*ALONE, "env", f"PYTHON={sys.executable}", WHEELS_SCRIPT, "cpu", wheels, seconds=WHEELS_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return "the package index does not give what is needed"
    try:
        Images(folder).make_base()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return "Debian's packages cannot be had"
    Images(folder).make_postgres()
    return None


def page_commands() -> str:
    """The section's lines for a shell, with the address of the repository put in."""
    page = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
    section = page.split(f"{SECTION}\n")[1].split("\n## ")[0]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    assert REPOSITORY in commands
    return commands.replace(REPOSITORY, str(ROOT))


def install_stand_in(folder: Path) -> None:
    """A program `docker`, first on the path, that is the stand-in."""
    place = folder / "bin"
    place.mkdir()
    program = place / "docker"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.docker.stand_in "$@"\n')
    program.chmod(0o755)
    os.environ.update(
        PATH=f"{place}:{os.environ['PATH']}",
        PYTHONPATH=str(ROOT),
        REHEARSAL=str(folder),
        REHEARSAL_BUILDER=builder(),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="safe.directory",
        GIT_CONFIG_VALUE_0="*",
    )


def inside(folder: Path) -> None:
    """Run the page's commands, then the checks; whatever happens, nothing is left running."""
    from tests.docker import checks

    bring_loopback_up()
    install_stand_in(folder)
    script = page_commands() + '\nprintf "%s\\n" "$KEY" "$BUNDLE" "$PWD" > "$REHEARSAL/told"\n'
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    stage("the commands of docs/how-to/docker.md")
    try:
        subprocess.run(["bash", "-euvo", "pipefail", "-c", script], cwd=elsewhere, check=True)
        key, bundle, checkout = (folder / "told").read_text().splitlines()
        checks.run_all(folder, key, bundle, Path(checkout))
    finally:
        if (elsewhere / "icd-coder").is_dir():
            subprocess.run(
                ["docker", "compose", "down"], cwd=elsewhere / "icd-coder", env=compose_environment(), check=False
            )


def compose_environment() -> dict[str, str]:
    """As the page sets it."""
    return {**os.environ, "COMPOSE_FILE": "docker/compose.yaml", "COMPOSE_PROFILES": "cpu"}


def stage(title: str) -> None:
    """A line that tells what comes."""
    print(f"\n== rehearsal: {title}", flush=True)  # noqa: T201


def main() -> int:
    """The exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # unwinds: nothing stays, on disk or running
    why = refusal()
    folder = Path(tempfile.mkdtemp(prefix="icd-coder-rehearsal-"))
    started = time.monotonic()
    try:
        if why is None:
            stage(f"the base and PostgreSQL from packages, in {folder}")
            why = prepare(folder)
        if why is not None:
            print(f"skipped: no rehearsal can be had here: {why}")  # noqa: T201
            return 0
        command = [*NAMESPACES, sys.executable, "-m", "tests.docker.rehearse", INSIDE, str(folder)]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome = "passed" if code == 0 else "FAILED"
    print(f"rehearsal {outcome} in {(time.monotonic() - started) / 60:.1f} minutes, image by {builder()}")  # noqa: T201
    return code


if __name__ == "__main__":
    if sys.argv[1:2] == [INSIDE]:
        inside(Path(sys.argv[2]))
    else:
        sys.exit(main())
