"""Streams watched live over RTSP: Debian's Motion at its leanest, and beside it ours on the same cameras.

Both run in real time, each in one process for all cameras. CPU is that process's own (wait4; ours without
its imports), never the cameras'. What Motion says is taken from its log as it comes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO, Final

from bench.sight.scenes import Tape
from bench.sight.scoring import Score, Stretch, score
from bench.sight.served import TOKEN

GAP_S: Final = 6
"""After so long without motion an event of Motion ends, as ours do."""
_SAID: Final = re.compile(r"\[(\d+):.*?(starting event|End of event)")
_SERVER: Final = [sys.executable, "-m", "bench.sight.served"]


@dataclass(frozen=True, slots=True)
class Camera:
    """A tape that is being shown: where, and when its second 0 was, in unix time."""

    tape: Tape
    port: int
    began: float

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{TOKEN}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What a live subject cost and found. Figures are per stream; CPU ms per second of stream."""

    cpu_ms: float
    mib: float
    """Of one more stream: all of them less an idle process, by their number."""
    scores: dict[str, Score] = field(default_factory=dict)
    """By light."""


@contextlib.contextmanager
def cameras(tapes: Sequence[Tape], *, analysis: bool = False) -> Iterator[list[Camera]]:
    """Serve tapes, or their analysis streams, from a process of their own."""
    paths = [str(tape.analysis if analysis else tape.path) for tape in tapes]
    with subprocess.Popen(
        [*_SERVER, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            yield [Camera(t, one["port"], one["began"]) for t, one in zip(tapes, told, strict=True)]
        finally:
            server.stdin.close()
            server.wait(20)


def motion_version() -> str:
    """The installed Motion's version; empty where there is none."""
    if shutil.which("motion") is None:
        return ""
    said = subprocess.run(["motion", "-h"], capture_output=True, text=True, check=False).stdout
    return said.split("\n", 1)[0].partition(",")[0].removeprefix("motion Version ")


class Live:
    """A subject that watches cameras for a while, as a child of this process."""

    ends_by_signal = True

    def __init__(self, command: list[str], watched: Sequence[Camera]) -> None:
        self.cameras = list(watched)
        self.prelude_s = self.prelude_cpu_s = 0.0
        self.runs: list[list[Stretch]] = [[] for _ in watched]
        self._open: list[float | None] = [None for _ in watched]
        self._began_s = time.monotonic()
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._child.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._child.stdout,), daemon=True)
        self._reader.start()

    def finish(self, *, until_s: float, empty_mib: float) -> Watched:
        """End it; what it cost, and how what it fired in the first ``until_s`` of the tapes stands."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        lasted_s = time.monotonic() - self._began_s - self.prelude_s
        mib = _resident_mib(self._child.pid)
        self._child.stdin.close()
        if self.ends_by_signal:
            self._child.terminate()
        _, _, used = os.wait4(self._child.pid, 0)
        self._child.returncode = 0
        self._reader.join(10)
        self._child.stdout.close()
        scores: dict[str, Score] = {}
        for number, camera in enumerate(self.cameras):
            since_s = self._open[number]
            runs = [*self.runs[number], *([Stretch(since_s, until_s)] if since_s is not None else [])]
            told = score(camera.tape.truth.until(until_s), runs)
            scores[camera.tape.light] = scores.get(camera.tape.light, Score()) + told
        streams = len(self.cameras)
        cpu_s = used.ru_utime + used.ru_stime - self.prelude_cpu_s
        cpu_ms = cpu_s * 1000 / (lasted_s * streams)
        return Watched(cpu_ms, (mib - empty_mib) / streams, scores)

    def line(self, text: str, now: float) -> None:
        """One line it said at unix time ``now``."""
        raise NotImplementedError

    def began(self, number: int, now: float) -> None:
        """Motion is said in a camera's picture."""
        self._open[number] = now - self.cameras[number].began

    def ended(self, number: int, last: float) -> None:
        """It is over and was last seen at unix time ``last``."""
        since_s, self._open[number] = self._open[number], None
        if since_s is not None:
            self.runs[number].append(Stretch(since_s, max(since_s, last - self.cameras[number].began)))

    def _read(self, output: IO[str]) -> None:
        for text in output:
            self.line(text, time.time())


class Motion(Live):
    """Debian's Motion: five pictures a second judged, nothing stored, no web pages."""

    def __init__(self, watched: Sequence[Camera], folder: Path) -> None:
        super().__init__(["motion", "-n", "-c", str(_configured(watched, folder))], watched)

    def line(self, text: str, now: float) -> None:
        """``[2:ml2:…] … starting event 1`` of its second thread is about the second camera."""
        said = _SAID.search(text)
        if said is None:
            return
        number = max(0, int(said[1]) - 1)
        if said[2] == "starting event":
            self.began(number, now)
        else:
            self.ended(number, now - GAP_S)


class OursLive(Live):
    """The box's video room with judge and debouncer."""

    ends_by_signal = False

    def __init__(self, watched: Sequence[Camera]) -> None:
        urls = [f"{camera.port}" for camera in watched]
        super().__init__([sys.executable, "-m", "bench.sight.live", *urls], watched)

    def line(self, text: str, now: float) -> None:
        """``{"camera": 0, "phase": "start", "last": unix time}``; at first what the imports took."""
        if not text.startswith("{"):
            return  # its log
        told = json.loads(text)
        if "cpu_s" in told:
            self.prelude_cpu_s = told["cpu_s"]
            self.prelude_s = time.monotonic() - self._began_s
        elif told["phase"] == "start":
            self.began(told["camera"], now)
        else:
            self.ended(told["camera"], told["last"])


def _configured(watched: Sequence[Camera], folder: Path) -> Path:
    common = [
        "daemon off", "setup_mode off", "log_level 6", "picture_output off", "movie_output off",
        "webcontrol_port 0", "stream_port 0", "pre_capture 0", "post_capture 0", f"event_gap {GAP_S}",
        "framerate 5", 'text_left ""', 'text_right ""', "minimum_motion_frames 1",
    ]  # fmt: skip
    files = []
    for number, camera in enumerate(watched, 1):
        file = folder / f"camera{number}.conf"
        size = re.match(r"(\d+)x(\d+)", camera.tape.form)
        assert size is not None
        lines = [
            f"camera_id {number}",
            f"netcam_url {camera.url}",
            "netcam_params rtsp_transport=tcp",
            f"width {size[1]}",
            f"height {size[2]}",
        ]
        file.write_text("\n".join(lines) + "\n", "utf-8")
        files.append(f"camera {file}")
    path = folder / "motion.conf"
    path.write_text("\n".join([*common, f"target_dir {folder}", *files]) + "\n", "utf-8")
    return path


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def empty_mib(module: str = "bench.sight.live") -> float:
    """What a process that imported the same and watches nothing holds."""
    with subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        mib = _resident_mib(child.pid)
        child.stdin.close()
    return mib


def watch(ports: Sequence[int]) -> None:
    """Watch cameras until the input ends: one JSON line for each turn of an event."""
    from agent.config import WatchSection
    from agent.detect import EventDebouncer, Moment, SceneJudge
    from agent.model import Device, Finding, Frame
    from agent.services.watcher import confirm_config
    from agent.video import PyavRoom
    from protocol.words import DeviceClass, SceneTopic

    room, watches, numbers = PyavRoom(), [], count()

    def eye(number: int, port: int) -> None:
        rules = confirm_config(WatchSection())
        debouncer = EventDebouncer(rules, new_episode=lambda: str(next(numbers)))

        def take(frame: Frame, findings: Sequence[Finding]) -> None:
            stamp = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.mono_s)).astimezone()
            for event in debouncer.see(findings, Moment(frame.mono_s, stamp)):
                if event.topic is SceneTopic.MOTION:
                    said = {"camera": number, "phase": str(event.phase), "last": event.time.timestamp()}
                    print(json.dumps(said), flush=True)

        device = Device(
            id=f"camera-{number}", device_class=DeviceClass.SMART_CAMERA, host="127.0.0.1", rtsp_port=port
        )
        watches.append(room.watch(device, lambda: f"rtsp://127.0.0.1:{port}/{TOKEN}", SceneJudge(), take))

    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime}), flush=True)
    for number, port in enumerate(ports):
        eye(number, port)
    sys.stdin.read()
    for each in watches:
        each.close()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="outpost-sight-") as name:
        yield Path(name)


if __name__ == "__main__":
    watch([int(port) for port in sys.argv[1:]])
