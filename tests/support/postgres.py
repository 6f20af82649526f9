"""A real PostgreSQL server of this test run: a Unix socket in a folder of its own, gone at the end."""

from __future__ import annotations

import getpass
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import Process, find_program

_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")
"""Tests kill processes, never the power: the kernel keeps what was written."""


class Postgres:
    """Started by ``start``; ``new_database`` makes one that nobody else uses."""

    def __init__(self) -> None:
        self._initdb = find_program("initdb", *_binary_folders())
        self._server = find_program("postgres", *_binary_folders())
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self.folder = Path(tempfile.mkdtemp(prefix="outpost-pg-"))
        self._numbers = itertools.count(1)
        self._process: Process | None = None

    def start(self) -> None:
        """Make the cluster and serve it; fails the test with the server's log when it does not come up."""
        self._give_away(self.folder)
        data = self.folder / "data"
        made = subprocess.run(
            [*self._as_user(), self._initdb, "-D", str(data), "-U", self.user, "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            capture_output=True, text=True, timeout=60, cwd="/",
        )  # fmt: skip
        if made.returncode != 0:
            pytest.fail(f"initdb failed:\n{made.stderr}")
        options = [part for setting in _FAST for part in ("-c", setting)]
        self._process = Process(
            [*self._as_user(), self._server, "-D", str(data), "-k", str(self.folder), "-h", "", *options],
            log=self.folder / "server.log",
            cwd=Path("/"),
        )
        self._wait_ready(self._process)

    def stop(self) -> None:
        """Fast shutdown; removes the cluster."""
        if self._process is not None and self._process.running:
            os.kill(self._process.pid, signal.SIGINT)
            self._process.stop(within_s=20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, *, template: str | None = None) -> str:
        """Name of a fresh database, a copy of ``template`` when given."""
        name = f"test_{next(self._numbers)}"
        with self._admin() as connection:
            copy = f' TEMPLATE "{template}"' if template else ""
            connection.execute(f'CREATE DATABASE "{name}"{copy}')
        return name

    def drop_database(self, name: str) -> None:
        with self._admin() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def allow_connections(self, name: str, *, allow: bool) -> None:
        """Let a database be reached or not; existing connections are cut."""
        with self._admin() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(allow).lower()}')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    def url(self, database: str) -> str:
        """SQLAlchemy URL over the Unix socket."""
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.folder}"

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.folder), user=self.user, dbname="postgres", autocommit=True)

    def _wait_ready(self, process: Process) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.running:
            try:
                self._admin().close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"postgres did not start:\n{process.tail()}")

    def _as_user(self) -> list[str]:
        """The server refuses to run as root; setpriv execs, so it stays our direct child."""
        if os.geteuid() != 0:
            return []
        return [
            find_program("setpriv"), f"--reuid={self.user}", f"--regid={self.user}", "--init-groups",
            "--pdeathsig=INT",
        ]  # fmt: skip

    def _give_away(self, folder: Path) -> None:
        folder.chmod(0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)


def _binary_folders() -> list[str]:
    """Debian keeps the server's programs off PATH, one folder a version; the newest first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(folder) for folder in sorted(folders, key=lambda f: float(f.parent.name), reverse=True)]
