"""Ctrl-C, and even kill -9 of the demo: no process, no port, no file outside its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.county import REPOSITORY, scene_cache
from tests.support.processes import find_program, wait_until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


class Demo:
    """``python -m deploy.demo run`` with a home and a temp folder of its own, which must stay empty."""

    def __init__(self, folder: Path) -> None:
        find_program("mosquitto")
        self.data, self.home, self.temporary = folder / "data", folder / "home", folder / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        self.output = folder / "output.log"
        self._repository_before = set(REPOSITORY.iterdir())
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "deploy.demo", "run"),
                    *("--data", str(self.data), "--clips", str(scene_cache())),
                ],
                cwd=REPOSITORY,
                env={**os.environ, "HOME": str(self.home), "TMPDIR": str(self.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.children: dict[int, psutil.Process] = {}

    def said(self) -> str:
        return self.output.read_text("utf-8", "replace")

    def look(self) -> int:
        """Remember the processes it has started so far; returns how many run now."""
        running = psutil.Process(self.process.pid).children(recursive=True)
        self.children |= {child.pid: child for child in running}
        return len(running)

    def ports(self) -> list[tuple[str, int]]:
        """What its processes listen on."""
        found = []
        for child in [psutil.Process(self.process.pid), *self.children.values()]:
            found += _listeners(child.net_connections("tcp"))
        return found

    def left_running(self) -> list[str]:
        return [
            " ".join(child.cmdline())
            for child in self.children.values()
            if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        ]

    def left_behind(self) -> list[str]:
        """Files outside its folder."""
        here = sorted(str(path) for root in (self.home, self.temporary) for path in root.rglob("*"))
        fresh = set(REPOSITORY.iterdir()) - self._repository_before
        return here + [str(path) for path in fresh if not path.name.startswith(".")]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait(10)


def test_ctrl_c_leaves_nothing_but_the_data_folder(demo: Demo) -> None:
    wait_until(
        lambda: "县中心页面" in demo.said() or demo.process.poll() is not None,
        within_s=400,
        what="the county is up",
        every_s=0.2,
    )
    assert demo.process.poll() is None, demo.said()
    assert demo.look() >= 7
    ports = demo.ports()
    assert len(ports) > 20
    assert all(ip.startswith("127.") for ip, _ in ports), "something listens beyond loopback"
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0, demo.said()
    assert demo.left_running() == []
    assert demo.left_behind() == []
    assert demo.data.exists()
    assert not _still_listening(ports)


def test_even_a_killed_demo_takes_its_processes_with_it(demo: Demo) -> None:
    wait_until(
        lambda: demo.process.poll() is not None or demo.look() >= 3,
        within_s=60,
        what="it has started some processes",
    )
    assert demo.process.poll() is None, demo.said()
    demo.process.kill()
    demo.process.wait(10)
    wait_until(lambda: not demo.left_running(), within_s=10, what="all of them are gone")


def _still_listening(ports: list[tuple[str, int]]) -> list[tuple[str, int]]:
    now = set(_listeners(psutil.net_connections("tcp")))
    return [port for port in ports if port in now]


def _listeners(connections: Iterable[Any]) -> list[tuple[str, int]]:
    return [(each.laddr.ip, each.laddr.port) for each in connections if each.status == psutil.CONN_LISTEN]
