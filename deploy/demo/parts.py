"""The demo's processes: started so that they end with us, waited for, stopped in order, killed on request.

Law: whatever is started here is gone when its owner is gone, however that ended. Each part has a session
of its own, so that Ctrl-C at the terminal reaches the demo alone, which then stops the parts in their order.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL_LINES = 15


class PartFailed(RuntimeError):
    """A part did not come up or went down by itself; the text says which, and has the end of its log."""


class Part:
    """One process. ``is_ready`` is asked until it is true; it may be started again after ``kill``.

    Start it on a thread that lives as long as the demo: the kernel ends it with that thread.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._log = log
        self._cwd = cwd
        self._env = dict(env)
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*ends_with_us(), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._cwd,
                env=self._env,
                start_new_session=True,
            )

    def wait_ready(self, within_s: float) -> None:
        """Return when it is ready. Raises PartFailed when it ends or takes longer."""
        deadline = time.monotonic() + within_s
        while not self._is_ready():
            if not self.running:
                raise PartFailed(f"{self.name} ended by itself / 进程自行退出\n{self.tail()}")
            if time.monotonic() > deadline:
                raise PartFailed(f"{self.name} not ready within {within_s:.0f} s / 未能就绪\n{self.tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken it away."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def ask_to_stop(self) -> None:
        """SIGTERM without waiting."""
        if self.running and self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, within_s: float = 10.0) -> bool:
        """SIGTERM, and SIGKILL when that is ignored; False then."""
        if self._process is None:
            return True
        self.ask_to_stop()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def tail(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:])
        return ""


def environment(*, bytecode: Path) -> dict[str, str]:
    """Ours for a child. Compiled modules go to ``bytecode``, so that they are compiled once and lie nowhere
    else: a Python that compiles everything anew at every start costs the demo a minute on a busy machine."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(bytecode)}


def ends_with_us() -> list[str]:
    """util-linux' setpriv execs after it asked the kernel to kill the process when its parent ends."""
    setpriv = shutil.which("setpriv", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv is not None else []


def find_program(name: str) -> str:
    """Path of a program that Debian may keep in /usr/sbin. Raises PartFailed that says what to install."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise PartFailed(f"{name} is not installed: apt-get install {name} / 请先安装 {name}")
    return found


def free_port() -> int:
    """A loopback TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
