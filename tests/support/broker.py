"""A real mosquitto on a free loopback port."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.link import LinkSettings
from tests.support.processes import Process, find_program, free_port, listening, wait_until


class Broker:
    """Starts in ``folder``; ``kill`` and ``start`` again as often as a test likes."""

    def __init__(self, folder: Path, *, extra: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            f"max_queued_messages 0\nset_tcp_nodelay true\n{_as_ourselves()}{extra}\n"
        )
        self._process: Process | None = None

    @property
    def settings(self) -> LinkSettings:
        return LinkSettings(host="127.0.0.1", port=self.port)

    def start(self) -> None:
        """Start and wait until it listens."""
        program = find_program("mosquitto")
        process = Process([program, "-c", str(self._config)], log=self._folder / "mosquitto.log")
        self._process = process
        wait_until(
            lambda: not process.running or listening("127.0.0.1", self.port),
            within_s=10,
            what="mosquitto listens",
        )
        if not process.running:
            pytest.fail(f"mosquitto did not start:\n{process.tail()}")

    def kill(self) -> None:
        """SIGKILL: everything it held in memory is gone."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """Clean stop; idempotent."""
        if self._process is not None and self._process.running:
            self._process.stop()


def _as_ourselves() -> str:
    """Started by root, mosquitto would change to its own user, who may not read a test's folder."""
    return "user root\n" if os.geteuid() == 0 else ""
