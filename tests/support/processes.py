"""Child processes of the tests: found, started, waited for, and gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def find_program(name: str, *folders: str) -> str:
    """Path of ``name``; skips the test when it is missing, fails it under CI."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        message = f"{name} is not installed; `make setup-test` installs it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], *, within_s: float, what: str, every_s: float = 0.02) -> None:
    """Return as soon as ``condition()`` is true; fail the test after ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s} s: {what}")
        time.sleep(every_s)


def listening(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


class Process:
    """One direct child, its output in a file."""

    def __init__(
        self, arguments: list[str], *, log: Path, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        self.arguments = arguments
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait."""
        if self.running:
            self._child.kill()
        self._child.wait(10)

    def stop(self, within_s: float = 10.0) -> int:
        """SIGTERM, then SIGKILL after ``within_s``; returns the exit status."""
        if self.running:
            self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.arguments[0]} ignored SIGTERM for {within_s} s; log:\n{self.tail()}"
            ) from None

    def tail(self, lines: int = 40) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
