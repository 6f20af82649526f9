"""How long from something entering the picture to its event in the box's outbox: a whole box, live streams.

The box runs in a process of its own with all its workers and no broker; cameras are served by another one. An
event's moment is when the log's transaction is committed; that of entering, when the picture is taken.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.app import BoxApp
from agent.config import parse_config
from agent.outbox.store import Store
from bench.sight.live import Camera
from bench.sight.scoring import EARLY_S, LINGER_S, Stretch
from bench.sight.served import TOKEN
from protocol.messages import Frozen, Scene
from protocol.words import Phase, SceneTopic
from tests.support.processes import free_port

SECONDS: Final = 90.0
CAMERAS: Final = 6


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from entering to the outbox of each visit that was found, in order; and how many were not."""

    found_s: tuple[float, ...]
    missed: int

    def at(self, share: float) -> float:
        """The value that ``share`` of all visits keep; endless when so many were not found."""
        place = min(int(share * (len(self.found_s) + self.missed)), len(self.found_s) + self.missed - 1)
        return self.found_s[place] if 0 <= place < len(self.found_s) else float("inf")


def latency(visits: Sequence[Stretch], fired_s: Sequence[float]) -> Latency:
    """Match starts of events with visits: the first from shortly before entering to shortly after leaving."""
    found = []
    for visit in visits:
        until_s = visit.to_s + LINGER_S
        first = next((at for at in sorted(fired_s) if visit.from_s - EARLY_S <= at <= until_s), None)
        if first is not None:
            found.append(first - visit.from_s)
    return Latency(tuple(sorted(found)), len(visits) - len(found))


def measure(cameras: Sequence[Camera], *, until_s: float) -> Latency:
    """Let a box in a process of its own watch cameras until the second ``until_s`` of the last of them."""
    ends = max(camera.began for camera in cameras) + until_s
    command = [sys.executable, "-m", "bench.sight.latency", str(ends), *(str(c.port) for c in cameras)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=until_s + 60)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    fired = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    told = [
        latency(
            [visit for visit in camera.tape.truth.visits if visit.to_s + LINGER_S < until_s],
            [at - camera.began for number_, at in fired if number_ == number],
        )
        for number, camera in enumerate(cameras)
    ]
    found = tuple(sorted(each for one in told for each in one.found_s))
    return Latency(found, sum(one.missed for one in told))


def watch(ends: float, ports: Sequence[int]) -> None:
    """Run a box on the cameras until unix time ``ends``; prints ``[camera, unix time]`` for each start."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as name:
        folder = Path(name)
        (folder / "key").write_text(base64.b64encode(b"k" * 32).decode("ascii"), "ascii")
        devices = [
            {"id": f"camera-{n}", "host": "127.0.0.1", "rtsp_port": port, "stream_path": f"/{TOKEN}"}
            for n, port in enumerate(ports)
        ]
        given: dict[str, Any] = {
            "box": {"id": "bench", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": 0},
            "device": devices,
            "watch": {"cool_down_s": 0},  # else a visit soon after another goes on with its event
        }
        fatal: list[str] = []
        app = BoxApp(parse_config(given, where="bench"), on_fatal=fatal.append)
        listen(app.store)
        app.start()
        time.sleep(max(0.0, ends - time.time()))
        app.stop()
        if fatal:
            raise SystemExit("; ".join(fatal))


def listen(store: Store) -> None:
    """Say each start of motion when its entry is committed."""
    append, turn = store.append, threading.Lock()

    def told(data: Frozen, *, at: datetime, subject: str | None = None, severity: str = "INFO") -> int:
        sequence = append(data, at=at, subject=subject, severity=severity)
        now = time.time()
        starts = isinstance(data, Scene) and (data.topic, data.phase) == (SceneTopic.MOTION, Phase.START)
        if starts and subject is not None:
            with turn:
                print(json.dumps([int(subject.rpartition("-")[2]), now]), flush=True)
        return sequence

    store.append = told  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(float(sys.argv[1]), [int(port) for port in sys.argv[2:]])
