"""Debian's baresip as a conference endpoint nobody of this project wrote."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_MODULES = Path("/usr/lib/baresip/modules")
_READY_S = 15.0


def installed() -> bool:
    """Whether the program is there (deploy/setup.sh test installs it)."""
    return shutil.which("baresip") is not None


@contextlib.contextmanager
def running(folder: Path, *, users: tuple[str, ...] = ("vc01",), account: str = "regint=0") -> Iterator[int]:
    """A baresip with these users on loopback, by UDP and TCP; gives its SIP port, ends it afterwards."""
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    modules = ("g711.so", "account.so", "menu.so", "stdio.so")
    config = [
        f"sip_listen 127.0.0.1:{port}",
        f"module_path {_MODULES}",
        *(f"module_app {name}" if name in modules[1:3] else f"module {name}" for name in modules[:3]),
    ]
    (folder / "config").write_text("\n".join(config) + "\n")
    (folder / "accounts").write_text("".join(f"<sip:{user}@127.0.0.1>;{account}\n" for user in users))
    (folder / "contacts").write_text("")
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(
            ["baresip", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait(port, program, folder / "log")
            yield port
        finally:
            program.terminate()
            program.wait(10)


def _wait(port: int, program: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if program.poll() is not None:
            break
        with socket.socket() as sock:
            sock.settimeout(0.2)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"baresip does not listen: {log.read_text('utf-8', 'replace')[-2000:]}")


def _free_port() -> int:
    """A port free for UDP and TCP, and so is the next: baresip listens there for TLS."""
    while True:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            for kind, place in ((socket.SOCK_DGRAM, port), (socket.SOCK_STREAM, port + 1)):
                held.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", place))
            return port
