"""Fakes of the ports that the services see. Values in, values out; no behaviour of ours is copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import StoreFull
from agent.model import (
    FULL_ALLOWANCE,
    Allowance,
    Device,
    Evidence,
    Exhibit,
    ExhibitKind,
    Finding,
    Frame,
    Identity,
    Image,
    StreamState,
)
from agent.ports import FrameJudge
from protocol.messages import Frozen
from protocol.words import DeviceClass, Reason, Rung


def device(name: str = "gate-1", device_class: DeviceClass = DeviceClass.SMART_CAMERA) -> Device:
    return Device(id=name, device_class=device_class, host="127.0.0.1")


@dataclass
class Written:
    """One entry of the fake log."""

    data: Frozen
    at: datetime
    subject: str | None
    severity: str


@dataclass
class FakeLog:
    """Keeps entries in a list; refuses them while ``full``."""

    entries: list[Written] = field(default_factory=list)
    full: bool = False

    def append(
        self, data: Frozen, *, at: datetime, subject: str | None = None, severity: str = "INFO"
    ) -> int:
        if self.full:
            raise StoreFull("no room")
        self.entries.append(Written(data, at, subject, severity))
        return len(self.entries)

    def all(self, kind: type[Frozen]) -> list[Frozen]:
        return [entry.data for entry in self.entries if isinstance(entry.data, kind)]


class FakeAdapter:
    """A device that climbs as it is told: the last evidence again and again."""

    def __init__(self, of: Device, *evidence: Evidence) -> None:
        self.device = of
        self.script = list(evidence)
        self.climbs = 0
        self.forgotten = 0
        self.streams_refused = 0
        self.closed = False
        self.bug: Exception | None = None

    def climb(self) -> Evidence:
        self.climbs += 1
        if self.bug is not None:
            raise self.bug
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def identity(self) -> Identity:
        return Identity()

    def stream_uri(self) -> str:
        return "rtsp://127.0.0.1/"

    def stream_refused(self) -> None:
        self.streams_refused += 1

    def ask_key(self) -> bool:
        return False

    def snapshot(self) -> bytes:
        return b""

    def forget_failures(self) -> None:
        self.forgotten += 1

    def close(self) -> None:
        self.closed = True


class FakeRecording:
    """A clip whose time is over once the clock says so."""

    def __init__(self, since_s: float, until_s: float) -> None:
        self.since_s, self.until_s = since_s, until_s
        self.broken = False

    def collect(self, now_s: float) -> bool:
        return now_s >= self.until_s

    def exhibit(self) -> Exhibit | None:
        return None if self.broken else Exhibit(ExhibitKind.CLIP, f"clip {self.since_s}".encode())


class FakeStream:
    """One stream of the fake video room."""

    def __init__(self, on_findings: Callable[[Frame, Sequence[Finding]], None]) -> None:
        self.on_findings = on_findings
        self.now = StreamState(up=False, reason=Reason.STARTING)
        self.picture: Image | None = None
        self.closed = False
        self.recordings: list[FakeRecording] = []
        self.allowance = FULL_ALLOWANCE

    def allow(self, allowance: Allowance) -> None:
        self.allowance = allowance

    def state(self) -> StreamState:
        return self.now

    def still(self) -> Image | None:
        return self.picture

    def record(self, *, since_s: float, until_s: float) -> FakeRecording:
        self.recordings.append(FakeRecording(since_s, until_s))
        return self.recordings[-1]

    def retry(self) -> None:
        self.retried = True

    def close(self) -> None:
        self.closed = True


class FakeVideoRoom:
    """Opens fake streams, by device."""

    def __init__(self) -> None:
        self.streams: dict[str, FakeStream] = {}
        self.refused: dict[str, Callable[[], object]] = {}

    def watch(
        self,
        of: Device,
        uri: Callable[[], str],
        judge: FrameJudge,
        on_findings: Callable[[Frame, Sequence[Finding]], None],
        *,
        refused: Callable[[], object] = lambda: None,
        ask_key: Callable[[], object] | None = None,
    ) -> FakeStream:
        self.streams[of.id] = FakeStream(on_findings)
        self.refused[of.id] = refused
        return self.streams[of.id]


class FakeJudge:
    def judge(self, frame: Frame) -> Sequence[Finding]:
        return ()


@dataclass
class FakeStills:
    kept: list[tuple[bytes, str]] = field(default_factory=list)

    def keep(self, exhibit: Exhibit, *, device: str, at: datetime) -> str | None:
        self.kept.append((exhibit.content, device))
        return f"{len(self.kept):064x}"


GOOD = Evidence(Rung.AUTHENTICATED, Reason.OK)
GONE = Evidence(Rung.UNREACHABLE, Reason.UNREACHABLE, "no answer")
