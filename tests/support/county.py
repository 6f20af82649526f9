"""A county of the simulator as its own process, on private loopback addresses, steered by its control port.

For tests that need real pictures and streams, or a simulator whose death is part of the test. Tests of
protocols alone run faster on ``virtual_county``.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.processes import Process

REPOSITORY = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 90.0
"""Scenes are rendered once into the shared cache; on a cold cache that takes most of this."""
_numbers = itertools.count(1)


def scene_cache() -> Path:
    """Where rendered clips are kept between tests: ``OUTPOST_SCENE_CACHE``, else a shared temp folder."""
    default = Path(tempfile.gettempdir()) / f"outpost-scenes-{os.getuid()}"
    cache = Path(os.environ.get("OUTPOST_SCENE_CACHE", default))
    cache.mkdir(parents=True, exist_ok=True)
    return cache


class County:
    """A running simulator. Use as a context manager, or call ``stop``.

    ``devices`` are entries of the county file; what is left out is filled in: name, address, ports (8000
    and 8554), user ``admin``, password ``Outpost-1``. Addresses are 127.B.C.D with B and C from the
    process id, so that test processes side by side do not clash.
    """

    def __init__(self, folder: Path, *devices: dict[str, Any], cache: Path | None = None) -> None:
        number = next(_numbers)
        self.entries = [_filled(entry, number, place) for place, entry in enumerate(devices, start=1)]
        self._ready_file = folder / f"county-{number}.ready"
        file = folder / f"county-{number}.toml"
        file.write_text(_toml(self.entries), "utf-8")
        self.process = Process(
            [
                *(sys.executable, "-m", "simulator", "run", str(file)),
                *("--cache", str(cache or scene_cache()), "--ready-file", str(self._ready_file)),
            ],
            log=folder / f"county-{number}.log",
            cwd=REPOSITORY,
        )
        self.control = str(self._ready()["control"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def entry(self, name: str) -> dict[str, Any]:
        """The county file's entry of one device: ip, http_port, rtsp_port, username, password."""
        return next(entry for entry in self.entries if entry["name"] == name)

    def device(self, name: str) -> dict[str, Any]:
        """What the control port tells of one device."""
        answer: dict[str, Any] = self.ask("GET", f"/devices/{name}")
        return answer

    def devices(self) -> dict[str, dict[str, Any]]:
        """What the control port tells of all devices."""
        answer: dict[str, dict[str, Any]] = self.ask("GET", "/devices")
        return answer

    def fault(self, name: str, **switches: object) -> None:
        """Switch faults of one device; they hold when this returns."""
        self.ask("PATCH", f"/devices/{name}/faults", switches)

    def mend(self, name: str) -> None:
        """All faults of one device off; its account is unlocked."""
        self.ask("DELETE", f"/devices/{name}/faults")

    def play(self, name: str, action: str) -> tuple[float, float]:
        """Play an action once; unix seconds between which the mover is in view."""
        answer = self.ask("POST", f"/devices/{name}/play", {"action": action})
        return float(answer["starts_at"]), float(answer["ends_at"])

    def event(
        self,
        name: str,
        topic: str,
        *,
        source: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
        operation: str | None = "Changed",
    ) -> None:
        """The device tells an event of its own."""
        body: dict[str, Any] = {"topic": topic, "source": source or {}, "data": data or {}}
        if operation is not None:
            body["operation"] = operation
        self.ask("POST", f"/devices/{name}/event", body)

    def reboot(self, name: str) -> None:
        """Restart one device: it is gone for a few seconds and forgets its subscriptions."""
        self.ask("POST", f"/devices/{name}/reboot")

    def truth(self) -> dict[str, Any]:
        """What was shown when, by device."""
        answer: dict[str, Any] = self.ask("GET", "/truth")
        return answer

    def stop(self) -> None:
        """Stop it; idempotent. Fails the test when it did not stop cleanly."""
        if self.process.running:
            status = self.process.stop()
            assert status == 0, f"the simulator ended with {status}:\n{self.process.tail()}"

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """One request to the control port; the parsed JSON. Raises AssertionError with its words."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.control + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with _no_proxy().open(request, timeout=20) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                words = error.read().decode("utf-8", "replace")
            raise AssertionError(f"{method} {path}: {error.code} {words}") from None

    def _ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._ready_file.exists():
            if not self.process.running or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"the simulator did not come up:\n{self.process.tail()}")
            time.sleep(0.05)
        answer: dict[str, Any] = json.loads(self._ready_file.read_text("utf-8"))
        return answer


def _filled(entry: dict[str, Any], number: int, place: int) -> dict[str, Any]:
    pid = os.getpid()
    ip = f"127.{100 + pid % 100}.{(pid // 100 + number) % 254 + 1}.{place + 1}"
    defaults = {"name": f"cam-{place}", "ip": ip, "http_port": 8000, "rtsp_port": 8554}
    return {**defaults, "username": "admin", "password": "Outpost-1", **entry}


def _toml(entries: list[dict[str, Any]]) -> str:
    lines = ["[control]", "port = 0"]
    for entry in entries:
        lines.append("[[device]]")
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items()]
    return "\n".join([*lines, ""])


def _no_proxy() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
