"""What the services ask of the adapters. Each port has one contract, whoever implements it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from agent.marks import Marks, Opinion
from agent.model import (
    Allowance,
    CameraEvent,
    Device,
    Evidence,
    Exhibit,
    Finding,
    Frame,
    HeadSight,
    Identity,
    Image,
    PresetSpot,
    Secret,
    StreamState,
)
from protocol.messages import Frozen
from protocol.words import DeviceClass


class DeviceAdapter(Protocol):
    """The device room's face for one device. Every call has a total deadline; none raises but DeviceError."""

    device: Device

    def climb(self) -> Evidence:
        """Climb the ladder as far as ``authenticated``. Never raises: what failed is in the evidence."""
        ...

    def identity(self) -> Identity:
        """Read identity and profiles anew. Raises DeviceError."""
        ...

    def stream_uri(self) -> str:
        """URI of the stream to watch (the smallest fit profile), without credentials. Raises DeviceError;
        AUTH_BACKOFF while a log-in that the stream refused rests."""
        ...

    def stream_refused(self) -> None:
        """The stream refused the log-in: no address of it is given before the rest is over."""
        ...

    def ask_key(self) -> bool:
        """Ask for a key frame in the stream whose address was given last; whether the device said yes.

        False, and nothing is sent: to a device that may only be read, within two seconds of the last time,
        within a day of its saying that it has none on demand, while it is asked something else. Ends within
        two seconds or little more; never raises."""
        ...

    def snapshot(self) -> bytes:
        """A JPEG from the device, at most 4 MiB. Raises DeviceError."""
        ...

    def forget_failures(self) -> None:
        """The operator changed something: lift the back-off of a refused password."""
        ...

    def close(self) -> None:
        """Drop connections; idempotent."""
        ...


class EventSubscription(Protocol):
    """One pull point of one device: created, pulled, renewed, unsubscribed. Never more than one a device."""

    def pull(self) -> Sequence[CameraEvent]:
        """Wait at most a few seconds; return what came. Creates or re-creates the pull point when there is
        none. Raises DeviceError; the caller backs off."""
        ...

    def close(self) -> None:
        """Unsubscribe, best effort, within 2 s; idempotent."""
        ...


class HeadWatch(Protocol):
    """The moving head of one device, looked at now and then. One thread at a time."""

    def look(self) -> HeadSight:
        """What the device tells of head and tours now. Raises DeviceError, NOT_SUPPORTED without a head."""
        ...

    def close(self) -> None:
        """Drop the connection; idempotent."""
        ...


class PresetHead(Protocol):
    """The moving head of one device, turned to its presets to see whether it does. One thread at a time."""

    def presets(self) -> Sequence[PresetSpot]:
        """All presets. Raises DeviceError."""
        ...

    def stands_at(self) -> str | None:
        """The preset at which it stands still; None when it moves, tours, or is elsewhere. Raises
        DeviceError, NOT_SUPPORTED without a head."""
        ...

    def turn_to(self, token: str) -> bool:
        """Turn to a preset and wait, up to half a minute; whether the device then says that it is there.
        Raises DeviceError, READ_ONLY with nothing sent."""
        ...

    def picture(self) -> bytes:
        """What it shows now, a JPEG. Raises DeviceError."""
        ...

    def close(self) -> None:
        """Drop the connections; idempotent."""
        ...


class DeviceRoom(Protocol):
    """Opens adapters; parses each WSDL once for the process."""

    def open(self, device: Device) -> DeviceAdapter: ...

    def subscribe(self, device: Device) -> EventSubscription: ...

    def discover(self, subnets: Iterable[str]) -> Sequence[Found]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered on the LAN, before anybody logged in."""

    endpoint_reference: str
    xaddr: str
    host: str
    port: int
    scopes: tuple[str, ...] = ()
    hardware: str = ""
    title: str = ""
    mac_address: str | None = None
    """``XX-XX-XX-XX-XX-XX`` as the kernel saw it; None off the box's own networks."""
    tls: bool = False
    """It offers HTTPS alone."""

    @property
    def suggested_class(self) -> DeviceClass | None:
        """The class its scopes speak for, where that is not a plain camera's: a hint for whoever keeps the
        ledger (ONVIF Core 7.3.2.2, ``type/ptz``); nothing is decided by it."""
        has_head = any(scope.lower() == "onvif://www.onvif.org/type/ptz" for scope in self.scopes)
        return DeviceClass.PTZ_DOME if has_head else None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Somebody at an address of a searched subnet who cannot be taken in as it is."""

    host: str
    kind: str
    """``not_activated``, ``onvif_off``, ``rtsp_only`` or ``conference``."""
    make_hint: str
    detail: str
    """What to do, in both languages."""


class FrameJudge(Protocol):
    """Detection for one stream: frames in, findings out. Pure: no clock, no I/O."""

    def judge(self, frame: Frame) -> Sequence[Finding]:
        """Opinions about this frame. Frames come in order; gaps are allowed."""
        ...


class Recording(Protocol):
    """One clip in the making. One thread at a time."""

    def collect(self, now_s: float) -> bool:
        """Take what came since; True when nothing more will be taken. Asked every second or so: what the
        stream keeps in memory is bounded."""
        ...

    def exhibit(self) -> Exhibit | None:
        """The clip, privacy masks burnt in; None when nothing of it can be played. It may take seconds."""
        ...


@runtime_checkable
class RunJudge(Protocol):
    """A FrameJudge that says whether it wants to follow what moves picture by picture."""

    @property
    def wants_run(self) -> bool:
        """False: once it is certain that something moves, key frames are enough."""
        ...


@runtime_checkable
class ChromaJudge(Protocol):
    """A FrameJudge that wants the colours of some key frames."""

    def wants_chroma(self, at_s: float) -> bool:
        """Whether a key frame that comes at ``at_s`` (monotonic) shall bring its colours."""
        ...


class StreamWatch(Protocol):
    """One stream being read. Callbacks come from the video room's thread and must return quickly."""

    def state(self) -> StreamState: ...

    def still(self) -> Image | None:
        """The last decoded picture, colour (BGR), or None when there is none younger than 60 s."""
        ...

    def allow(self, allowance: Allowance) -> None:
        """From now on decode no more of it than this; every packet is read as before."""
        ...

    def record(self, *, since_s: float, until_s: float) -> Recording:
        """Begin a clip of what comes between two monotonic times, of which the first may be past."""
        ...

    def retry(self) -> None:
        """The device is known to be back: cut a pause before the next connect short."""
        ...

    def close(self) -> None: ...


class VideoRoom(Protocol):
    """Opens streams."""

    def watch(
        self,
        device: Device,
        uri: Callable[[], str],
        judge: FrameJudge,
        on_findings: Callable[[Frame, Sequence[Finding]], None],
        *,
        refused: Callable[[], object] = ...,
        ask_key: Callable[[], object] | None = ...,
    ) -> StreamWatch:
        """Start reading. ``uri`` is asked anew at every connect and may raise DeviceError; ``refused`` is
        told each time the stream refused the log-in. ``ask_key`` asks the device for a key frame: it hands
        over and returns at once; ``False`` or DeviceError say that this device cannot be asked. It is called
        at most every 2 s, and not for ten minutes after three calls that brought none."""
        ...


class Log(Protocol):
    """The box's log, as the services see it: append and forget. Thread-safe."""

    def append(
        self, data: Frozen, *, at: datetime, subject: str | None = None, severity: str = "INFO"
    ) -> int:
        """Write one entry durably; returns its sequence. Raises StoreFull when the bound is reached and the
        entry may be dropped by rule (the drop is counted and declared)."""
        ...


class OutboxRow(Protocol):
    """One entry as it goes out."""

    @property
    def sequence(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class OutboxHole(Protocol):
    """Entries that are gone, up to ``last``; ``declared`` when the gap record behind them says so."""

    @property
    def last(self) -> int: ...

    @property
    def declared(self) -> bool: ...


class Outbox(Log, Protocol):
    """The log as the reporter sees it."""

    epoch: str

    @property
    def last(self) -> int:
        """The last committed sequence, 0 when there is none."""
        ...

    @property
    def waiting(self) -> int:
        """Entries the centre has not acknowledged."""
        ...

    def oldest_waiting_s(self) -> float: ...

    def hole(self, first: int) -> OutboxHole | None:
        """What is gone from ``first`` on; None when ``first`` is kept or not yet written."""
        ...

    def read(self, first: int, last: int) -> Sequence[OutboxRow]:
        """At most one batch from ``first`` on, without a hole."""
        ...

    def next_session(self) -> int: ...

    def acknowledged(self, upto: int) -> None: ...

    def purge(self) -> int: ...

    def declare_missing(self, first: int, last: int, *, reason: str) -> None:
        """Put a gap record in the place of ``last``."""
        ...

    def quarantine(self, sequence: int, *, because: str) -> None: ...


class SendingState(Protocol):
    """The sender's half of the log protocol (``agent.outbox.courier`` implements it)."""

    def connected(self) -> None: ...

    def disconnected(self) -> None: ...

    def next_range(self, *, last: int, now_s: float) -> tuple[int, int] | None: ...

    def sent(self, first: int, last: int, *, now_s: float) -> None: ...

    def skip(self, first: int, last: int) -> None: ...

    def acknowledged(
        self, upto: int, missing: Sequence[tuple[int, int]], *, last: int, now_s: float
    ) -> bool: ...

    def due_in_s(self, *, now_s: float) -> float | None: ...


class Journal(Protocol):
    """Which commands were begun and how they ended; survives a power cut."""

    def begin_command(self, command: str) -> bool: ...

    def end_command(self, command: str, outcome: str, detail: str) -> None: ...

    def interrupted_commands(self) -> Sequence[str]: ...


class Ledger(Protocol):
    """Devices that discovery found, by ledger id, as JSON documents."""

    def remember_device(self, device: str, document: str) -> None: ...

    def remembered_devices(self) -> dict[str, str]: ...

    def forget_device(self, device: str) -> None: ...


class Register(Protocol):
    """The marks by which the devices of the ledger are told from each other, by ledger id. Thread-safe."""

    def knows(self, device: str) -> bool:
        """Whether anything is known by which the device can be told."""
        ...

    def judge(self, device: str, met: Marks, *, logged_in: bool = False) -> Opinion:
        """Whether what was met is this device. When nothing is known of it: ``other`` for another row's, else
        ``cannot tell``. One that ``logged_in`` told all it tells, and what it hides counts against it.
        """
        ...

    def bears(self, device: str, met: Marks) -> bool:
        """Whether one of the marks met is the device's, be it that other rows bear it too."""
        ...

    def may_be_integrated(self, device: str, met: Marks) -> bool:
        """Whether what is known of a device, with what was met, may be a row's that is only read: integrated.
        Nothing is written to such a device, whatever class its own row names."""
        ...

    def learn(self, device: str, met: Marks, *, near: Marks) -> None:
        """Keep the marks of a device that let the box in; no effect when they are another device's.

        ``near`` has the MAC seen at its address: kept only while no MAC of the device is known.
        """
        ...


class Notebook(Protocol):
    """What the box has learned and must know after a power cut: small documents by subject and topic.

    A subject is a ledger id, or ``vendor/model/firmware`` for what is true of a make; a topic names the
    use (``tls_pin``, ``login_mode``, ``habits``, ``scorecard``, ``hearing``). Thread-safe; every call is
    durable when it returns.
    """

    def note(self, subject: str, topic: str, document: str) -> None:
        """Write a document, in place of the one that was there. Raises StoreFull when the disk refuses."""
        ...

    def noted(self, subject: str, topic: str) -> str | None:
        """The document, or None."""
        ...

    def notes(self, topic: str) -> dict[str, str]:
        """All documents of one topic by subject."""
        ...

    def strike(self, subject: str, topic: str) -> None:
        """Forget a document; no effect when there is none."""
        ...

    def strike_all(self, subject: str, *, but: Collection[str] = ()) -> None:
        """Forget all documents of a subject, except those of the topics ``but``."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A log-in. ``pending`` is the password a change has begun to set and not yet confirmed."""

    username: str
    password: Secret
    pending: Secret | None = None


class Vault(Protocol):
    """Sealed log-ins by ledger id. Every write is durable when it returns."""

    def find(self, device: str) -> Credentials | None: ...

    def keep(self, device: str, credentials: Credentials) -> None: ...

    def promote(self, device: str) -> None: ...

    def drop_pending(self, device: str) -> None: ...


class Stills(Protocol):
    """Pictures and clips on their way to the county."""

    def keep(self, exhibit: Exhibit, *, device: str, at: datetime) -> str | None:
        """Keep one; returns its SHA-256, or None when it was refused."""
        ...
