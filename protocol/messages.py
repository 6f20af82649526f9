"""Every message of the wire as a frozen model. CloudEvents 1.0, JSON, structured mode.

Law: unknown fields are ignored (a newer sender does not break an older receiver), missing or
ill-formed ones are refused. Times are RFC 3339 UTC, 1970 to 2999. Units stand in the names. Integers
stay within 2**53, which every JSON reader keeps exactly (RFC 7493); numbers are finite.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from protocol.identity import identity_words
from protocol.ids import CivilCode, Epoch, GbCode, Id
from protocol.versions import MESSAGE_VERSION
from protocol.words import FORBIDDEN_TOPICS, DeviceClass, Phase, Rung, SeenBy


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z``: 2026-11-23T01:05:12.345Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _read_time(value: object) -> object:
    """pydantic alone would also read numbers, dates and blanks as times."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value
    raise ValueError("not an RFC 3339 time with offset")


def _within_calendar(moment: datetime) -> datetime:
    """A year 1 or 9999 cannot be moved to another zone; a clock that is wrong shows 1970."""
    if not 1970 <= moment.year <= 2999:
        raise ValueError(f"year {moment.year} is not within 1970 to 2999")
    return moment


LARGEST: Final = 2**53
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_read_time),
    AfterValidator(_within_calendar),
    PlainSerializer(format_time, return_type=str, when_used="json"),
]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Difference = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
ShortText = Annotated[str, StringConstraints(max_length=200)]
VersionText = Annotated[str, StringConstraints(max_length=60)]
Sequence = Annotated[int, Field(ge=1, le=LARGEST)]
EventId = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
OnvifTopic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+:[A-Za-z0-9_./:-]{1,160}$")]


class Frozen(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True)


# --- the box's log -----------------------------------------------------------------------------


class DeviceHealth(Frozen):
    """A device moved on the evidence ladder, or the reason for its rung changed. State, not a sample."""

    kind: ClassVar[str] = "device.health"
    rung: Rung
    reason: Word
    detail: ShortText = ""
    """One sentence for the operator, already free of credentials."""
    previous_rung: Rung | None = None
    clock_error_ms: Difference | None = None
    """Device clock minus box clock, when it could be read."""
    evidence: Sha256 | None = None
    """Hash of the still that shows it, uploaded separately."""


class DeviceIdentity(Frozen):
    """What a device says it is. Written when it is first read and when it changes."""

    kind: ClassVar[str] = "device.identity"
    device_class: DeviceClass
    title: ShortText = ""
    """The display name the installer gave: a place, never a person."""
    gb_code: GbCode | None = None
    vendor: ShortText = ""
    model: ShortText = ""
    firmware: ShortText = ""
    serial: ShortText = ""
    mac_address: Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{2}-){5}[0-9A-F]{2}$")] | None = None
    profiles: Annotated[tuple[ShortText, ...], Field(max_length=16)] = ()
    """One line a profile: ``sub 640x360@10 H264``."""


class Box(Frozen):
    """A rectangle in the picture, as shares of width and height, 0 to 1."""

    left: Annotated[float, Field(ge=0, le=1)]
    top: Annotated[float, Field(ge=0, le=1)]
    right: Annotated[float, Field(ge=0, le=1)]
    bottom: Annotated[float, Field(ge=0, le=1)]


class Scene(Frozen):
    """Something was seen: a debounced event in ONVIF's words."""

    kind: ClassVar[str] = "scene"
    topic: OnvifTopic
    phase: Phase
    seen_by: SeenBy
    episode: EventId
    """Ties the end to its start; a new episode has a new id."""
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    reason: ShortText = ""
    box: Box | None = None
    count: Annotated[int, Field(ge=0, le=10**9)] | None = None
    duration_ms: Count | None = None
    evidence: Sha256 | None = None
    zone: ShortText = ""
    clock_error_ms: Difference | None = None
    sources: Annotated[tuple[SeenBy, ...], Field(max_length=2)] | None = None
    """All who saw it, the first of them first; absent where ``seen_by`` alone did."""
    clip: Sha256 | None = None
    """Hash of the clip that shows it, uploaded separately; told with the end."""

    @model_validator(mode="after")
    def _no_identity(self) -> Scene:
        topic = self.topic.lower()
        if any(part.lower() in topic for part in FORBIDDEN_TOPICS):
            raise ValueError(f"topic {self.topic} identifies people or vehicles and is never carried")
        return self


class PassageCount(Frozen):
    """How many passed a counting device in one hour of the box's clock: a number, never who or what.

    Written once the hour is over; an hour in which the box heard the device at no time is not written.
    """

    kind: ClassVar[str] = "passage.count"
    hour: Time
    """When the hour began."""
    passages: Count
    """Over all counters of the device, from the growth of its own counts."""
    observed_s: Annotated[int, Field(ge=0, le=3600)]
    """For how much of the hour the box had an open subscription to the device."""
    delay_ms: Difference | None = None
    """Median upload delay: receipt minus the device's time, its clock error taken out. None: not told."""
    late_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the hour's reports that came more than 60 s late. None: no report told its time."""
    resets: Count = 0
    """How often a counter of the device began again from zero."""


class RecordingGap(Frozen):
    """A stretch of the window without recording."""

    begins: Time
    ends: Time


class RecordingState(Frozen):
    """What a recorder or a camera's card keeps of one channel. Written once a day, and when it changed."""

    kind: ClassVar[str] = "recording.state"
    offered: bool
    """False: the device has no recording that can be asked for; nothing below is told."""
    channel: ShortText = ""
    """The recorder's own mark of the channel, "" for a device with one."""
    disk: Literal["ok", "full", "error", "absent", "unknown"] = "unknown"
    recording: bool | None = None
    """Whether it records now. None: not told."""
    oldest: Time | None = None
    """Begin of the oldest recording that is kept."""
    newest: Time | None = None
    """End of the newest recording (最近录像时间); the time of asking while it records."""
    window_days: Annotated[int, Field(ge=1, le=366)] = 30
    """How many days back gaps were looked for."""
    recorded_days: Annotated[int, Field(ge=0, le=366)] | None = None
    """Days of the window with any recording. None: the device does not tell when it recorded."""
    recorded_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Recorded share of the window (录像完整率). None as above."""
    gaps: Annotated[tuple[RecordingGap, ...], Field(max_length=32)] = ()
    """The longest ones, in the order of time."""
    gaps_omitted: Count = 0
    """Gaps that are not listed."""
    detail: ShortText = ""


class CommandResult(Frozen):
    """What became of a command. Written once per command id."""

    kind: ClassVar[str] = "command.result"
    command: Id
    verb: Word
    outcome: Literal["done", "failed", "expired", "refused"]
    detail: ShortText = ""


class ConfigApplied(Frozen):
    """The box runs this desired version now; what was not applied, and why."""

    kind: ClassVar[str] = "config.applied"
    version: Count
    refused: Annotated[dict[Word, ShortText], Field(max_length=32)] = {}
    """The first of them when there are more; the reported twin has all."""


class BoxEvent(Frozen):
    """Something about the box itself: boot, clock jump, a quarantined file."""

    kind: ClassVar[str] = "box.event"
    what: Word
    detail: ShortText = ""


class Canary(Frozen):
    """A synthetic entry whose way to the case system is measured; its absence is the alarm."""

    kind: ClassVar[str] = "canary"
    number: Count


class Gap(Frozen):
    """Entries that can never come: nothing is lost without this record that it was."""

    kind: ClassVar[str] = "gap"
    first: Sequence
    last: Sequence
    entries: Sequence
    """How many: ``last - first + 1``."""
    reason: Word
    """``outbox_full`` or ``purged``."""

    @model_validator(mode="after")
    def _range_is_whole(self) -> Gap:
        if self.last < self.first or self.entries != self.last - self.first + 1:
            raise ValueError(f"{self.first} to {self.last} are not {self.entries} entries")
        return self


EntryKind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,40}$")]


class Shed(Frozen):
    """Entries that a filling outbox did not write, by rule: they took no sequence, and this counts them."""

    kind: ClassVar[str] = "shed"
    since: Time
    """When the first of them was not written, on the box's clock."""
    until: Time
    entries: Annotated[dict[EntryKind, Sequence], Field(min_length=1, max_length=32)]
    """How many of each kind."""


class Quarantined(Frozen):
    """Stands in the place of an entry that the way to the centre refused five times."""

    kind: ClassVar[str] = "quarantined"
    sha256: Sha256
    refused_because: ShortText


ENTRY_KINDS: Final[dict[str, type[Frozen]]] = {
    model.kind: model
    for model in (
        DeviceHealth,
        DeviceIdentity,
        Scene,
        PassageCount,
        RecordingState,
        CommandResult,
        ConfigApplied,
        BoxEvent,
        Canary,
        Gap,
        Shed,
        Quarantined,
    )
}


# --- the other classes -------------------------------------------------------------------------


class Session(Frozen):
    """Birth, will and planned stop of one connection of a box (``up/session``, retained)."""

    kind: ClassVar[str] = "session"
    status: Literal["online", "offline", "planned_stop"]
    session: Sequence
    """Grows with every connection, also over re-installs: a will of an older session is ignored."""
    log_epoch: Epoch
    version: VersionText = ""
    boot_reason: Word = "unknown"
    site: ShortText = ""
    """Display name of the village or place."""
    civil_code: CivilCode | None = None


class DeviceGauge(Frozen):
    """The fast-changing numbers of one device since the last heartbeat."""

    rung: Rung | None = None
    clock_error_ms: Difference | None = None
    stream_kbps: Count | None = None
    stream_fps: Annotated[float, Field(ge=0)] | None = None
    loss_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the last hundred probes of a conference endpoint."""
    delay_ms: Annotated[float, Field(ge=0)] | None = None
    """Median round trip to a conference endpoint."""
    jitter_ms: Annotated[float, Field(ge=0)] | None = None
    """Variation of that round trip (RFC 3550 6.4.1)."""


class Now(Frozen):
    """Heartbeat (``up/now``, QoS 0, may be lost)."""

    kind: ClassVar[str] = "now"
    session: Sequence
    uptime_s: Count
    outbox_rows: Count = 0
    outbox_oldest_s: Count = 0
    log_epoch: Epoch
    last_sequence: Count = 0
    """The last sequence written: the centre sees a tail it has not received."""
    cpu_ratio: Annotated[float, Field(ge=0)] | None = None
    memory_bytes: Count | None = None
    devices: Annotated[dict[Id, DeviceGauge], Field(max_length=256)] = {}


class Acknowledgement(Frozen):
    """Which entries of one epoch the centre has committed (``dn/ack``)."""

    kind: ClassVar[str] = "ack"
    epoch: Epoch
    upto: Count
    """Everything up to and including this sequence is committed and applied."""
    missing: Annotated[tuple[tuple[Sequence, Sequence], ...], Field(max_length=64)] = ()
    """Closed ranges above ``upto`` that were never received."""
    refused: Annotated[tuple[tuple[Sequence, Word], ...], Field(max_length=64)] = ()
    """Sequences that came and cannot be stored, each with the refusal (``schema``, ``type``, ``mac`` …):
    the box replaces such an entry by its hash, so that it does not hold up those behind it."""


class TwinReported(Frozen):
    """What the box runs (``up/twin``, retained)."""

    kind: ClassVar[str] = "twin.reported"
    version: Count
    """Of the desired document this state answers; 0 when none was ever received."""
    software: VersionText = ""
    settings: Annotated[dict[Word, int | float | bool | ShortText], Field(max_length=64)] = {}
    refused: Annotated[dict[Word, ShortText], Field(max_length=64)] = {}

    @model_validator(mode="after")
    def _no_identity(self) -> TwinReported:
        return _refuse_words(self, self.settings)


class TwinDesired(Frozen):
    """What the centre wants (``dn/twin``, retained)."""

    kind: ClassVar[str] = "twin.desired"
    version: Sequence
    settings: Annotated[dict[Word, int | float | bool | ShortText], Field(max_length=64)] = {}

    @model_validator(mode="after")
    def _no_identity(self) -> TwinDesired:
        return _refuse_words(self, self.settings)


class Command(Frozen):
    """One order (``dn/cmd``). Idempotent by id; a box never starts one after ``expires``."""

    kind: ClassVar[str] = "command"
    command: Id
    verb: Word
    device: Id | None = None
    expires: Time


_Twin = TypeVar("_Twin", TwinReported, TwinDesired)


def _refuse_words(model: _Twin, settings: dict[str, Any]) -> _Twin:
    for key in settings:
        if identity_words(key):
            raise ValueError(f"setting {key!r} could identify a person")
    return model


PLAIN_KINDS: Final[dict[str, type[Frozen]]] = {
    model.kind: model for model in (Session, Now, Acknowledgement, TwinReported, TwinDesired, Command)
}


# --- the envelope ------------------------------------------------------------------------------


def type_name(kind: str) -> str:
    """CloudEvents ``type`` of a kind: ``outpost.device.health.v1``."""
    return f"outpost.{kind}.v{MESSAGE_VERSION}"


D = TypeVar("D", bound=Frozen)


class Event(Frozen, Generic[D]):
    """CloudEvents 1.0 with the registered extensions we use."""

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: Annotated[str, StringConstraints(max_length=80)]
    """``/box/{box}`` or ``/centre``."""
    type: Annotated[str, StringConstraints(max_length=80)]
    time: Time
    """When it happened, on the sender's clock."""
    datacontenttype: Literal["application/json"] = "application/json"
    subject: Id | None = None
    """The device it is about; absent when it is about the box."""
    data: D


class Entry(Event[D], Generic[D]):
    """One row of a box's log: an event with its place in the log and a MAC."""

    recordedtime: Time
    """When the box wrote it down."""
    epoch: Epoch
    sequence: Annotated[str, StringConstraints(pattern=r"^[0-9]{16}$")]
    """Zero-padded, so that it sorts as text (CloudEvents sequence extension)."""
    severitynumber: Annotated[int, Field(ge=1, le=24)] = 9
    """OpenTelemetry scale: 9 info, 13 warning, 17 error."""
    severitytext: Literal["INFO", "WARN", "ERROR"] = "INFO"
    correlationid: EventId | None = None
    dataref: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    mac: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """HMAC-SHA256 with the box's key over the canonical form without this field, base64url."""

    @property
    def number(self) -> int:
        return int(self.sequence)
