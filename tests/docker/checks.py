"""What is looked at once the commands of docs/how-to/docker.md have started everything."""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import demo
from tests.docker.compose_file import load
from tests.docker.containers import Containers
from tests.docker.images import Images

ADDRESS = "http://127.0.0.1:8000"
BUILD_TOOLS = ("gcc", "cc", "make", "pip", "pip3", "git", "ninja")
DATA_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".sqlite3", ".icdbackup", ".safetensors")
SOFTWARE = ("opt/icd-coder/lib", "usr", "var/lib/dpkg", "var/cache")
"""Where packages bring tables and archives of their own; the check of what was copied in leaves them out."""

INSPECT = """
import os, pathlib
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(os.getuid(), status["CapEff"].strip(), status["CapBnd"].strip(), status["NoNewPrivs"].strip())
for place in ("/opt/icd-coder/x", "/bundles/x", "/etc/x", "/tmp/x"):
    try:
        pathlib.Path(place).touch()
        print(place, "written")
    except OSError as error:
        print(place, error.strerror)
"""


def run_all(folder: Path, key: str, bundle: str, checkout: Path) -> None:
    """Each check in turn; the first that fails ends the rehearsal."""
    os.chdir(checkout)
    os.environ.update(COMPOSE_FILE="docker/compose.yaml", COMPOSE_PROFILES="cpu", BUNDLE=bundle)
    containers = Containers(load(), folder)
    demo_part(folder, key, bundle)
    size(folder)
    no_way_out()
    privileges(containers)
    nothing_but_software(folder)
    service_cannot_change_tables(containers)
    backup_and_log(folder)
    restore(folder, containers, key, bundle)
    bad_starts(folder)
    stop(containers, key)
    training(folder)


def said(title: str) -> None:
    """The name of a check that has passed."""
    print(f"  ok: {title}", flush=True)  # noqa: T201


def compose(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command as a user gives it."""
    return subprocess.run(
        ["docker", "compose", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def demo_part(folder: Path, key: str, bundle: str) -> None:
    """The demo's own question to a service, with its table of codes and its neighbours."""
    note = demo.held_out_note(folder / "volumes" / Path(bundle).parent.relative_to("/") / "data")
    answer = demo.ask(ADDRESS, note, key)
    demo.show(note, answer)
    assert len(answer["codes"]) == demo.SHOWN_CODES
    assert len(answer["neighbours"]) == demo.NEIGHBOURS
    assert all(neighbour["snippet"] for neighbour in answer["neighbours"])
    said("the demo's note is coded, with neighbours from PostgreSQL")


def size(folder: Path) -> None:
    """What docs/how-to/operations.md says of time, memory and disk is from here."""
    seconds = (folder / "running" / "cpu.healthy").read_text()
    supervisor = (folder / "running" / "cpu.pid").read_text()
    service = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().strip()
    status = Path(f"/proc/{service}/status").read_text()
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    image = subprocess.run(["du", "-sm", Images(folder).find("icd-coder:cpu").root], capture_output=True, text=True)
    said(
        f"cold start to ready {seconds} s; memory at most {int(peak) // 1024} MiB; image {image.stdout.split()[0]} MiB"
    )


def no_way_out() -> None:
    """Nothing here has a network but loopback."""
    names = {name for _, name in socket.if_nameindex()}
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5).close()
    except OSError:
        said(f"no route leads out of here; interfaces: {', '.join(sorted(names))}")
        return
    raise AssertionError("a connection to another machine was made")


def privileges(containers: Containers) -> None:
    """The service's user, its capabilities, and where it can write: /tmp alone."""
    command = containers.command("cpu", ["-c", INSPECT], ["/opt/icd-coder/bin/python"])
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    none = "0" * 16
    assert lines[0] == f"10001 {none} {none} 1", lines
    assert lines[1:] == [
        *(f"{place} Read-only file system" for place in ("/opt/icd-coder/x", "/bundles/x", "/etc/x")),
        "/tmp/x written",  # noqa: S108
    ]
    find = "; ".join(f"command -v {name} || true" for name in BUILD_TOOLS)
    tools = containers.command("cpu", ["-c", find], ["/bin/sh"])
    assert subprocess.run(tools, capture_output=True, text=True, check=True).stdout == ""
    said("not root, no capability, no new privilege, a read-only root, and no build tool")


def nothing_but_software(folder: Path) -> None:
    """No bundle, dataset, database or table in the image outside of the packages."""
    root = Path(Images(folder).find("icd-coder:cpu").root)
    left_out = tuple(str(root / part) for part in SOFTWARE)
    for path in root.rglob("*"):
        if str(path).startswith((*left_out, str(root / "proc"), str(root / "dev"))):
            continue
        assert not path.name.endswith(DATA_SUFFIXES), path
    assert [path for name in ("bundles", "backups", "data") for path in (root / name).iterdir()] == []
    said("no bundle and no data in the image")


def service_cannot_change_tables(containers: Containers) -> None:
    """The service's role reads and writes rows, and that is all."""
    service = containers.compose.all_services["cpu"]["environment"]["ICD_CODER_DATABASE"]
    statements = (
        "DROP TABLE access_log",
        "TRUNCATE access_log",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE notes DISABLE TRIGGER ALL",
    )
    program = (
        "import os, sqlalchemy, app.database.engine\n"
        f"engine = app.database.engine.open_engine({service!r})\n"
        f"for statement in {statements!r}:\n"
        "    try:\n"
        "        with engine.execution_options(icd_coder_writes=True).begin() as connection:\n"
        "            connection.exec_driver_sql(statement)\n"
        "        print('done')\n"
        "    except sqlalchemy.exc.SQLAlchemyError as error:\n"
        "        print(app.database.engine.error_name(error))\n"
    )
    command = containers.command("cpu", ["-c", program], ["/opt/icd-coder/bin/python"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["InsufficientPrivilege"] * len(statements), done
    said("the service's role can change no table")


def backup_and_log(folder: Path) -> None:
    """The verbs of operation, as docs/how-to/operations.md has them."""
    for arguments in (
        ["backup", "--out", "/backups/notes.icdbackup"],
        ["verify-index"],
        ["verify-log", "--anchor", "/backups/notes.anchor"],
    ):
        done = compose("run", "--rm", "tool", *arguments)
        assert done.returncode == 0, done.stderr
    assert (folder / "volumes/backups/notes.icdbackup").stat().st_size > 0
    said("backup, verify-index and verify-log work")


def restore(folder: Path, containers: Containers, key: str, bundle: str) -> None:
    """Into a database of an empty volume, as the guide has it; the key of before opens it."""
    logs_are_clean(containers, key)
    assert compose("down").returncode == 0
    shutil.rmtree(folder / "volumes" / "database")  # docker volume rm icd-coder_database
    for arguments in (
        ["run", "--rm", "tool", "restore", "--from", "/backups/notes.icdbackup"],
        ["run", "--rm", "tool", "verify-index"],
        ["up", "--detach", "--wait"],
    ):
        done = compose(*arguments)
        assert done.returncode == 0, done.stderr
    note = demo.held_out_note(folder / "volumes" / Path(bundle).parent.relative_to("/") / "data")
    assert len(demo.ask(ADDRESS, note, key)["neighbours"]) == demo.NEIGHBOURS
    said("the backup restored into an empty database answers as before")


def bad_starts(folder: Path) -> None:
    """Each ends with one sentence and exit code 2."""
    other = folder / "other-secret"
    other.write_text("0" * 64)
    other.chmod(0o444)
    secret, password = (Path("docker/secrets") / name for name in ("key_secret", "database_service_password"))
    cases: list[tuple[str, dict[str, str], Path | None, str]] = [
        ("a missing bundle", {"BUNDLE": "/bundles/none"}, None, "/bundles/none"),
        ("a wrong key file", {}, secret, "made with another secret"),
        ("a wrong password", {}, password, "cannot be reached"),
    ]
    for title, environment, replaced, words in cases:
        kept = None if replaced is None else replaced.read_text()
        if replaced is not None:
            replaced.write_text(other.read_text())
        try:
            done = compose("run", "--rm", "cpu", "serve", "--check", **environment)
        finally:
            if replaced is not None and kept is not None:
                replaced.write_text(kept)
        one_sentence(title, done, words)
    (folder / "volumes/backups").chmod(0o500)
    os.chown(folder / "volumes/backups", 0, 0)
    done = compose("run", "--rm", "tool", "backup", "--out", "/backups/again.icdbackup")
    one_sentence("a volume that cannot be written", done, "/backups")


def one_sentence(title: str, done: "subprocess.CompletedProcess[str]", words: str) -> None:
    """Exit code 2, and one line of ours that says what is wrong."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("icd-coder: ")]
    assert done.returncode == 2, (title, done.stderr)
    assert "Traceback" not in done.stderr, (title, done.stderr)
    assert len(lines) == 1, (title, lines)
    assert words in lines[0], (title, lines)
    said(f"{title}: {lines[0]}")


def logs_are_clean(containers: Containers, key: str) -> None:
    """No key and no note."""
    for name in ("cpu", "database"):
        log = containers.log(name)
        assert key not in log, name
        assert "Admission Date" not in log, name
    ready = [json.loads(line) for line in containers.log("cpu").splitlines() if '"ready"' in line]
    assert ready, containers.log("cpu")


def stop(containers: Containers, key: str) -> None:
    """The service ends by itself at SIGTERM."""
    logs_are_clean(containers, key)
    codes = containers.stop_all()
    assert codes == {"cpu": 0, "database": 0}, codes
    said(f"stopped with {codes}; logs hold no key and no note")


def training(folder: Path) -> None:
    """train.compose.yaml over the demo's tables, with the tiny encoder and without any network."""
    [tables] = (folder / "volumes/bundles/demo").glob("*/mimic3")
    environment = {
        "COMPOSE_FILE": "docker/train.compose.yaml",
        "MIMIC": str(tables),
        "WEIGHTS": str(folder / "elsewhere"),
        "ENCODER": "tiny",
        "DEVICE": "cpu",
        "TARGET": "cpu",
    }
    done = compose("run", "--rm", "evaluate", **environment)
    assert done.returncode == 0, done.stderr
    assert (folder / "volumes/bundles/mimic3/manifest.json").is_file()
    assert (folder / "volumes/data/mimic3-report/report.md").is_file()
    said("train.compose.yaml prepares, trains and evaluates without a network")
