"""What the box's rooms say to each other: devices, evidence, findings, scene events. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from protocol.words import DeviceClass, Phase, Reason, Rung, SceneTopic, SeenBy

Image = npt.NDArray[np.uint8]
"""Grey picture, shape (height, width), or colour, shape (height, width, 3) in BGR order."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A password. Masks itself wherever it is printed."""

    reveal: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


Polygon = tuple[tuple[float, float], ...]
"""Corners as shares of width and height, 0 to 1, from the top left."""


class ZoneKind(StrEnum):
    """What a part of the picture is for."""

    PRIVACY = "privacy"
    """Black in every picture that leaves the box; nothing inside is judged."""
    IGNORE = "ignore"
    """Nothing inside is judged; pictures show it."""
    MOTION = "motion"
    """Where there are such zones, motion is an event only inside one of them."""
    PRESENCE = "presence"
    """A closed zone: somebody inside is an intrusion."""
    DWELL = "dwell"
    """Who stays inside for ``dwell_s`` loiters."""
    CROWD = "crowd"
    """Too much of it is covered for some time, or too many stand in it."""
    LINE = "line"
    """A line of two points or more that is crossed."""
    WATCH = "watch"
    """Something is left in it, or taken away."""
    LAMP = "lamp"
    """Its light goes on and off."""

    @property
    def is_mask(self) -> bool:
        return self in (ZoneKind.PRIVACY, ZoneKind.IGNORE)


class LineDirection(StrEnum):
    """Which crossings of a line count. Who goes from its first point to its last has a left, b right."""

    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Hours:
    """Local time of day on some weekdays. ``until_min`` not after ``from_min``: over midnight."""

    days: frozenset[int]
    """Weekdays on which it begins, 0 Monday to 6 Sunday."""
    from_min: int
    """Minutes of the day, 0 to 1439."""
    until_min: int
    """Minutes of the day, 1 to 1440; that minute is no longer part of it."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture with a purpose. Corners as shares of width and height, 0 to 1."""

    name: str
    corners: tuple[tuple[float, float], ...]
    closed: bool = True
    """A presence zone that is not closed tells nothing of its own."""
    kind: ZoneKind = ZoneKind.PRESENCE
    direction: LineDirection = LineDirection.BOTH
    least_ratio: float = 0.0
    """Smallest thing that counts, share of the picture."""
    most_ratio: float = 1.0
    dwell_s: float = 60.0
    crowd_ratio: float | None = None
    """Share of the zone that must be covered."""
    crowd_count: int | None = None
    """Persons that must stand in it, estimated by area."""
    person_ratio: float = 0.2
    """Height of a person in it, share of the picture's height."""
    watch_s: float = 60.0
    """How long a thing must have been left or gone."""
    hours: tuple[Hours, ...] = ()
    """When it counts, local time; none: always."""
    sensitivity: int = 50
    """1 to 100: at 100 half the contrast of the default is enough, at 1 it takes twice as much."""

    @property
    def contrast_factor(self) -> float:
        """By how much the contrast needed differs from the default."""
        return float(2.0 ** ((50 - self.sensitivity) / 50))


@dataclass(frozen=True, slots=True)
class Device:
    """One row of the box's device ledger. Identity is ``id``, never the address (invariant 10)."""

    id: str
    device_class: DeviceClass
    host: str
    port: int = 80
    title: str = ""
    gb_code: str | None = None
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    zones: tuple[Zone, ...] = ()
    rtsp_port: int = 554
    sip_port: int = 5060
    sip_user: str = ""
    """Number or name of a conference endpoint; "" asks the endpoint itself, whatever its number."""
    sip_registrar: str | None = None
    """``host`` or ``host:port`` where the endpoint should be registered."""
    stream_path: str | None = None
    """For RTSP-only devices: path of the stream, no ONVIF asked."""
    rtsp_basic: bool | None = None
    """Whether its stream may have the password in clear where it offers nothing better; None: unless it is
    another device or does not show the marks it is known by. Never with ``tls``."""
    tls: bool = False
    """ONVIF, snapshots and files go over TLS, never in plain text; its certificate is pinned."""
    port_forwarded: bool = False
    """It is behind port forwarding (NAT): ``port`` and ``rtsp_port`` are used, whatever ports it returns."""
    supplementary_light: bool = True
    """Whether lamp or infrared lights its picture by night; without, a dark night is no fault of it."""

    classified: bool = True
    """A person gave it its class. A row that discovery made has none yet, and may be the police's."""

    @property
    def writable(self) -> bool:
        """Whether anything may be written to it: its class allows it, and a person said which class it is."""
        return self.classified and self.device_class.writable

    @property
    def is_conference(self) -> bool:
        return self.device_class is DeviceClass.CONFERENCE_ENDPOINT

    @property
    def privacy_masks(self) -> tuple[Polygon, ...]:
        """Parts of its picture that nobody outside the box may see."""
        return tuple(zone.corners for zone in self.zones if zone.kind is ZoneKind.PRIVACY)


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One stream a device offers. ``stream_uri`` never holds credentials."""

    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: float
    stream_uri: str = ""

    def __str__(self) -> str:
        return f"{self.name or self.token} {self.width}x{self.height}@{self.fps:g} {self.codec}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself; empty strings where it does not say."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac_address: str | None = None
    """``XX-XX-XX-XX-XX-XX``."""
    endpoint_reference: str = ""
    profiles: tuple[MediaProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class LineQuality:
    """The way to one device, by its last probes. Delay and jitter are of the round trip, in ms."""

    probes: int
    loss_ratio: float
    delay_ms: float | None = None
    """Median; None when no probe was answered."""
    jitter_ms: float | None = None
    """RFC 3550 6.4.1, over consecutive answers; None with fewer than two."""
    by: str = ""
    """``icmp`` or ``sip``."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A stretch of time by the box's clock; ``ends`` is not part of it."""

    begins: datetime
    ends: datetime


class Disk(StrEnum):
    """What is known of the medium a device records on. Never guessed: only what the device said."""

    OK = "ok"
    FULL = "full"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecordedChannel:
    """What a device keeps of one channel. Times by the box's clock; None where the device does not tell."""

    channel: str
    """The device's own mark of it, "" where it has one channel only."""
    title: str = ""
    recording: bool | None = None
    oldest: datetime | None = None
    newest: datetime | None = None
    recorded_days: int | None = None
    recorded_ratio: float | None = None
    gaps: tuple[TimeSpan, ...] = ()
    gaps_omitted: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecordingReport:
    """What one device told of its recordings. Not ``offered``: it has none that can be asked for."""

    offered: bool
    window_days: int
    disk: Disk = Disk.UNKNOWN
    channels: tuple[RecordedChannel, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One climb of the ladder by the device adapter: as far as ``authenticated``.

    ``reason`` is OK when nothing failed up to there. ``clock_error_s`` is device minus box, None when
    the device did not tell. ``identity`` is what is known of it, None before it was ever read.
    ``line`` is told of conference endpoints only.
    """

    rung: Rung
    reason: Reason
    detail: str = ""
    clock_error_s: float | None = None
    identity: Identity | None = None
    line: LineQuality | None = None


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """One notification of a camera, normalised to ONVIF's standard tree.

    ``active`` is the state the message carries (None for a pulse); ``initial`` marks a property
    replayed on subscription: state, never an event. ``time`` is when the box received it;
    ``device_time`` what the camera wrote, if it was usable.
    """

    topic: SceneTopic
    active: bool | None
    initial: bool
    time: datetime
    device_time: datetime | None = None
    source: str = ""
    count: int | None = None
    said: str = ""
    """The topic as the device spells it, normalised."""
    series: str = ""
    """Tells the counters of one device apart: a hash of the names of lens and rule."""


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """One value a device tells of itself: state to be kept, never an event.

    ``name`` is ``processor_usage`` and the like, or a health topic of ``SceneTopic`` (then a boolean);
    ``value`` is in ``unit``; None of a point in time means never. ``time`` is when the box received it.
    """

    name: str
    value: float | bool | datetime | None
    time: datetime
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a head looks, in ONVIF's generic spaces: pan and tilt -1 to 1, zoom 0 to 1."""

    pan: float
    tilt: float
    zoom: float

    def is_near(self, other: Place, *, within: float) -> bool:
        """Whether every axis differs by at most ``within``."""
        pairs = ((self.pan, other.pan), (self.tilt, other.tilt), (self.zoom, other.zoom))
        return all(abs(mine - theirs) <= within for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class PresetSpot:
    """A preset of a head. ``place`` is None when the device does not tell where it is."""

    token: str
    name: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class HeadSight:
    """What a device tells of its head and tours at one moment. None: not told."""

    place: Place | None
    tours: int = 0
    touring: bool | None = None
    """A tour says that it runs."""
    paused: bool = False
    """A tour says that it was interrupted, and none runs."""
    stay_s: float | None = None
    """The longest stay at one spot of a tour."""
    spots: tuple[Place, ...] = ()
    """Where the tours stop, as far as their presets tell it."""


class ExhibitKind(StrEnum):
    """What leaves the box to show what was seen."""

    STILL = "still"
    """JPEG."""
    CLIP = "clip"
    """MP4 with one video track and nothing else."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A picture or clip that may leave the box: privacy masks are burnt in. Only ``agent.video`` makes it."""

    kind: ExhibitKind
    content: bytes = field(repr=False)


class PictureFault(StrEnum):
    """What the box can see to be wrong with a picture: V02 to V12 and V14 of the county's list."""

    DARK = "picture_dark"
    OVER_BRIGHT = "picture_over_bright"
    BLURRED = "picture_blurred"
    FROZEN = "picture_frozen"
    COVERED = "picture_covered"
    COLOUR_CAST = "picture_colour_cast"
    NOISY = "picture_noisy"
    STRIPED = "picture_striped"
    LOW_CONTRAST = "picture_low_contrast"
    GREY = "picture_grey"
    SHAKING = "picture_shaking"
    SCENE_CHANGED = "scene_changed"

    @property
    def reason(self) -> Reason:
        return Reason(self.value)

    @property
    def code(self) -> str:
        """Its number in the county's picture-quality list, ``V02`` and so on."""
        number = 14 if self is PictureFault.SCENE_CHANGED else 2 + list(PictureFault).index(self)
        return f"V{number:02}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture. ``pts_s`` is the stream's time, ``mono_s`` when it arrived (monotonic).

    ``chroma``: U and V (128 is grey) of a key frame whose judge asked for it, shape (45, 80, 2).
    """

    image: Image
    pts_s: float
    mono_s: float
    key: bool
    chroma: Image | None = None


@dataclass(frozen=True, slots=True)
class StreamMeasure:
    """What a stream is, by its packets. ``gop_s`` is the usual distance of key frames, None when fewer than
    two came in ``seconds``."""

    codec: str
    width: int
    height: int
    fps: float
    gop_s: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Shares of width and height, 0 to 1, left < right, top < bottom."""

    left: float
    top: float
    right: float
    bottom: float


class ObjectKind(StrEnum):
    """What an object model may tell. Never who or which."""

    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One frame's opinion. ``score`` 0 to 1; ``reason`` says with numbers why."""

    topic: SceneTopic
    present: bool
    score: float
    reason: str
    box: Rectangle | None = None
    zone: str = ""
    fault: PictureFault | None = None
    state: bool = False
    """Told for those who decode and explain; it makes no event."""
    kind: ObjectKind | None = None
    """What it is, where an object model looked at it."""
    kind_score: float | None = None


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """Debounced: what one source says. ``episode`` ties end to start."""

    topic: SceneTopic
    phase: Phase
    seen_by: SeenBy
    episode: str
    time: datetime
    score: float | None = None
    reason: str = ""
    box: Rectangle | None = None
    zone: str = ""
    count: int | None = None
    duration_s: float | None = None
    mono_s: float = 0.0
    """``time`` on the monotonic clock."""
    supposed: bool = False
    """An end that nobody saw: by time-out, or while the box was away."""


class SightMode(StrEnum):
    """Where the pictures of a stream come from while nothing is there."""

    KEYS = "keys"
    """Its key frames: they come often enough."""
    ASKING = "asking"
    """Key frames that the camera is asked for."""
    LOW_RATE = "low_rate"
    """One picture a second: key frames are too rare, and asking brings none."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much decoding one stream may cost. Every packet is read under each."""

    max_fps: float = 5.0
    """Most pictures judged in a second while something is there."""
    runs: bool = True
    """Whether anything but key frames may be decoded."""
    every_key: int = 1
    """Every how many key frames one is decoded."""
    alarms: bool = True
    """Whether surprising packets alone may begin a run."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.max_fps <= 60.0 or not 1 <= self.every_key <= 100:
            raise ValueError(f"max_fps={self.max_fps} of 0.1 to 60, every_key={self.every_key} of 1 to 100")


FULL_ALLOWANCE: Final = Allowance()
FEWER_FRAMES: Final = Allowance(max_fps=2.0)
KEYS_ONLY: Final = Allowance(runs=False)


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the video room knows of one stream right now."""

    up: bool
    reason: Reason
    """OK, STARTING, NO_STREAM, BAD_STREAM, AUTH_FAILED."""
    detail: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    kbps: float = 0.0
    last_packet_mono_s: float | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    """packets, keyframes, decoded, judged, errors, reconnects, time_jumps, gaps, lost_frames and what else
    was counted; the names are bounded."""
    mode: SightMode = SightMode.KEYS
    running: bool = False
    """Whether every packet is decoded at this moment."""
    jitter_ms: float = 0.0
    """Interarrival jitter (RFC 3550 6.4.1)."""
    drift_ppm: float | None = None
    """How much faster the camera's clock goes than the box's; None until a minute was measured."""
    lag_s: float = 0.0
    """How far the last judged pictures were behind their arrival, the largest of the last 10 s."""
    allowance: Allowance = FULL_ALLOWANCE
    """How much of it may be decoded now."""
