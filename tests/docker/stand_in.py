"""The program ``docker`` of the rehearsal: as much of ``docker compose`` as docs/how-to/docker.md needs.

It does what the compose file says: image, command, environment, user, secrets, volumes, read-only root, privileges,
order of starts and health checks. All containers share one network that has loopback alone; an option or subcommand
that it does not know is an error, so that the page cannot promise what was not run.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.docker.compose_file import ComposeFile, load
from tests.docker.containers import Containers
from tests.docker.images import Images


def parser() -> argparse.ArgumentParser:
    """The subcommands that are known."""
    root = argparse.ArgumentParser(prog="docker")
    compose = root.add_subparsers(dest="program", required=True).add_parser("compose")
    verbs = compose.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build")
    run = verbs.add_parser("run")
    run.add_argument("--rm", action="store_true", required=True)
    run.add_argument("service")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    up = verbs.add_parser("up")
    up.add_argument("--detach", action="store_true", required=True)
    up.add_argument("--wait", action="store_true", required=True)
    verbs.add_parser("down")
    return root


def build(compose: ComposeFile, folder: Path) -> None:
    """The images of the active services."""
    for name in compose.active():
        service = compose.all_services[name]
        if "build" in service:
            said = service["build"]
            context = (compose.folder / said["context"]).resolve()
            Images(folder).build(service["image"], context, context / said["dockerfile"], said["target"])


def up(containers: Containers) -> None:
    """Everything active, until it is healthy."""
    one_shot = {
        name
        for service in containers.compose.all_services.values()
        for name, wanted in service.get("depends_on", {}).items()
        if wanted["condition"] == "service_completed_successfully"
    }
    for name in containers.compose.active():
        if name not in one_shot:
            containers.start(name)
            containers.wait_until_healthy(name)


def main() -> None:
    """One command, as a shell calls it."""
    options = parser().parse_args()
    compose = load()
    folder = Path(os.environ["REHEARSAL"])
    containers = Containers(compose, folder)
    if options.verb == "build":
        build(compose, folder)
    elif options.verb == "run":
        sys.exit(containers.run(options.service, options.arguments))
    elif options.verb == "up":
        up(containers)
    else:
        containers.stop_all()


if __name__ == "__main__":
    main()
