"""The box's configuration: one TOML file to one frozen tree.

Law: unknown keys are refused, every problem is shown at once, nothing is touched (no DNS, no device,
no file but the one read). Secrets come by file path only.
"""

from __future__ import annotations

import ipaddress
import itertools
import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from agent.errors import ConfigError
from agent.hosts import canonical
from agent.hours import read_hours, zone_named
from agent.model import LineDirection, Zone, ZoneKind
from protocol.ids import CivilCode, GbCode, Id
from protocol.words import DeviceClass

Title = Annotated[str, StringConstraints(max_length=120)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
SipUser = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+*-]{0,64}$")]
Share = Annotated[float, Field(ge=0, le=1)]

COUNTY: Final = (34.5, 110.3)
"""Latitude and longitude of the county the product is made for; a degree east is four minutes of sun."""


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BoxSection(Section):
    """Who this box is."""

    id: Id = Field(description="Box id; also the name of its certificate and its place in every topic.")
    title: Title = Field("", description="Display name of the village or place.")
    civil_code: CivilCode | None = Field(None, description="Official area code of 6, 9, 12 or 15 digits.")
    data_dir: Path = Field(description="Folder for the outbox, the ledger and stills waiting for upload.")
    time_zone: str = Field("Asia/Shanghai", description="Time zone of all schedules, an IANA name.")
    latitude: Annotated[float, Field(ge=-90, le=90)] = Field(
        COUNTY[0],
        description="Where the box stands, degrees north, south negative: by it day and night are told. A "
        "quarter of a degree is near enough. The default is the county's.",
    )
    longitude: Annotated[float, Field(ge=-180, le=180)] = Field(
        COUNTY[1], description="Degrees east, west negative; goes with latitude."
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone_is_known(cls, value: str) -> str:
        zone_named(value)
        return value

    @model_validator(mode="after")
    def _location_is_whole(self) -> BoxSection:
        if ("latitude" in self.model_fields_set) != ("longitude" in self.model_fields_set):
            raise ValueError(
                "latitude（纬度）和 longitude（经度）要同时给出 / latitude and longitude go together"
            )
        return self


class CentreSection(Section):
    """How to reach the county."""

    host: str = Field(description="Broker host name or address.")
    port: Port = Field(8883, description="Broker port.")
    ca_file: Path | None = Field(
        None, description="CA that signed the broker's certificate; without it no TLS."
    )
    cert_file: Path | None = Field(None, description="This box's certificate.")
    key_file: Path | None = Field(None, description="This box's private key.")
    mac_key_file: Path = Field(description="File with this box's entry key: 32 bytes in base64.")
    evidence_url: str | None = Field(None, description="Base URL of the county's HTTP door, for evidence.")
    keepalive_s: int = Field(10, ge=5, le=300, description="MQTT keep-alive in seconds.")

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> CentreSection:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("证书和私钥要同时给出 / cert_file and key_file go together")
        return self


class WatchSection(Section):
    """How often to look, and how sure to be before saying so. Times: the county's diagnosis list."""

    ladder_interval_s: Seconds = Field(30, description="Seconds between two climbs of the evidence ladder.")
    retry_interval_s: Seconds = Field(
        5, description="Seconds to the next climb after one that failed or recovered."
    )
    failures_to_enter: int = Field(
        2, ge=1, le=10, description="Failing climbs in a row before a device is worse."
    )
    successes_to_leave: int = Field(
        2, ge=1, le=10, description="Good climbs in a row before it is better again."
    )
    heartbeat_s: Seconds = Field(30, description="Seconds between two heartbeats to the county.")
    canary_s: Seconds = Field(300, description="Seconds between two canary entries.")
    still_interval_s: Seconds = Field(
        21_600, description="Seconds between two stills of a quiet camera; each is some 40 KB on the line."
    )
    motion_confirm_s: Annotated[float, Field(ge=0, le=60)] = Field(
        0.0,
        description="How long something must move before it is an event; two of three pictures show it.",
    )
    motion_hold_s: Seconds = Field(6, description="How long it must be quiet before the event ends.")
    cool_down_s: Annotated[float, Field(ge=0, le=120)] = Field(
        10,
        description="An event that begins again so soon after its end goes on; its end is told so late.",
    )
    clip_before_s: Annotated[float, Field(ge=0, le=15)] = Field(
        5, description="Seconds of a clip before an event; 0 with clip_after_s 0: no clips. Motion has none."
    )
    clip_after_s: Annotated[float, Field(ge=0, le=30)] = Field(
        10, description="Seconds of a clip after an event began; some 1 MB on the line in all."
    )
    covered_confirm_s: Seconds = Field(600, description="Covered lens (V06) before it is a fault.")
    dark_confirm_s: Seconds = Field(
        300, description="Dark (V02) or over-bright (V03) picture before it is a fault."
    )
    frozen_confirm_s: Seconds = Field(60, description="Frozen picture (V05) before it is a fault.")
    blurred_confirm_s: Seconds = Field(
        1800, description="Blurred (V04) or low-contrast (V10) picture before it is a fault."
    )
    disturbed_confirm_s: Seconds = Field(
        600, description="Noise (V08), stripes (V09) or shaking (V12) before it is a fault."
    )
    moved_confirm_s: Seconds = Field(600, description="Moved camera (V14) before it is a fault.")
    colour_confirm_s: Seconds = Field(
        3600, description="Colour cast (V07) or grey by day (V11) before it is a fault."
    )
    clear_confirm_s: Seconds = Field(30, description="Good picture before a fault is over.")


class QualitySection(Section):
    """The picture quality round: every camera's picture against what is stored of it."""

    round_min: Annotated[float, Field(ge=1, le=1440)] = Field(
        10, description="Minutes between two rounds of a camera."
    )
    learn_rounds: Annotated[int, Field(ge=2, le=12)] = Field(
        3, description="Good pictures, one a round, from which a view is stored."
    )
    slow_confirm_h: Annotated[float, Field(ge=1, le=336)] = Field(
        24,
        description="Hours a slow fault (a lens that greys, a creeping cover) is there at every round before "
        "it is told; longer than fog stays.",
    )
    ptz_check_h: Annotated[float, Field(ge=0, le=720)] = Field(
        0,
        description="Hours between two checks whether a dome turns to its presets (V13), which move it; 0: "
        "none. Never while it tours, moves or stands at no preset.",
    )
    ptz_check_lookouts: bool = Field(False, description="Whether lookouts are checked too.")


class BoundsSection(Section):
    """How much the box keeps."""

    outbox_rows: int = Field(500_000, ge=1_000, le=10_000_000, description="Log entries kept at most.")
    outbox_mb: int = Field(
        1_024,
        ge=16,
        le=100_000,
        description="Megabytes of the log's file at most. As the log fills, canaries (above a quarter), mere "
        "motion (a half) and counts (three quarters) are written no more; what was not written is told.",
    )
    grace_h: int = Field(
        72, ge=1, le=720, description="Hours an acknowledged entry is kept for a restored county."
    )
    spool_mb: int = Field(
        200, ge=1, le=10_000, description="Megabytes of evidence waiting for upload at most."
    )
    cpu_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.6,
        description="Share of all processor cores the box's process may use, 0 to 1. Above it pictures are "
        "judged less, those of closed zones last; video is read as before.",
    )
    memory_mb: int = Field(
        1536,
        ge=128,
        le=65_536,
        description="Megabytes of memory the process may use; above it pictures are judged less. 64 streams "
        "of 1280x720 take some 950.",
    )


class MonitorSection(Section):
    """The operator's pages of this process."""

    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz, /readyz.")
    port: int = Field(9101, ge=0, le=65535, description="Port; 0 takes any.")


Corner = tuple[Share, Share]
Corners = Annotated[tuple[Corner, ...], Field(min_length=2, max_length=32)]

_KEYS_OF: Final[Mapping[str, ZoneKind]] = {
    "closed": ZoneKind.PRESENCE,
    "direction": ZoneKind.LINE,
    "dwell_s": ZoneKind.DWELL,
    "crowd_ratio": ZoneKind.CROWD,
    "crowd_count": ZoneKind.CROWD,
    "person_ratio": ZoneKind.CROWD,
    "watch_s": ZoneKind.WATCH,
}
_NOT_OF_MASKS: Final = ("min_size_ratio", "max_size_ratio", "sensitivity")
_LEAST_AREA_RATIO = 0.0002
_LEAST_LINE_RATIO = 0.02


class ObjectsSection(Section):
    """An object model of the operator's own, for persons, vehicles and animals; without a file, none."""

    model_file: Path | None = Field(
        None, description="ONNX file. Models that tell faces, plates or who somebody is are refused."
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")] | None = Field(
        None, description="SHA-256 of that file; another file is not loaded."
    )
    classes: tuple[Annotated[str, StringConstraints(min_length=1, max_length=40)], ...] = Field(
        (),
        max_length=400,
        description="Names of its classes in the order of its output (COCO, VOC and alike).",
    )
    layout: Literal["yolo8", "yolo5", "ssd"] = Field("yolo8", description="How its output is laid out.")
    width_px: int = Field(640, ge=16, le=1280, description="Width of its input.")
    height_px: int = Field(640, ge=16, le=1280, description="Height of its input.")
    least_score: Annotated[float, Field(gt=0, le=1)] = Field(0.4, description="Score from which it counts.")
    runs_per_s: Annotated[float, Field(gt=0, le=50)] = Field(
        2.0, description="Runs a second for all cameras together; what is beyond is passed over."
    )

    @model_validator(mode="after")
    def _model_is_whole(self) -> ObjectsSection:
        if self.model_file is not None and (self.sha256 is None or not self.classes):
            raise ValueError(
                "填了 model_file，还要填 sha256 和 classes / model_file needs sha256 and classes"
            )
        return self


class ZoneSection(Section):
    """A part of a picture, and what it is for."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="Name people know it by; each of a device has its own."
    )
    kind: ZoneKind = Field(
        ZoneKind.PRESENCE,
        description="privacy: black in all that leaves the box, nothing judged inside; ignore: nothing "
        "judged inside; motion: motion is an event only in zones of this kind; presence: somebody inside is "
        "an intrusion; dwell: who stays inside; crowd: too much of it covered; line: crossed; watch: "
        "something left or taken away; lamp: light on and off.",
    )
    corners: Corners = Field(
        description="Corners as shares of width and height, from the top left; a line has two or more "
        "points, everything else three or more corners.",
    )
    closed: bool = Field(True, description="presence: somebody inside is an intrusion, not mere motion.")
    direction: LineDirection = Field(
        LineDirection.BOTH,
        description="line: which crossings count. Who goes from its first point to its last has a on the "
        "left and b on the right.",
    )
    min_size_ratio: Share = Field(0.0, description="Smaller things do not count; share of the picture.")
    max_size_ratio: Share = Field(1.0, description="Larger things do not count; share of the picture.")
    dwell_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        60.0, description="dwell: seconds somebody must stay inside."
    )
    crowd_ratio: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="crowd: share of the zone that must be covered for 10 s."
    )
    crowd_count: Annotated[int, Field(ge=2, le=500)] | None = Field(
        None, description="crowd: persons in it for 10 s, estimated from the area covered."
    )
    person_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2, description="crowd: height of a person standing in it, share of the picture's height."
    )
    watch_s: Annotated[float, Field(ge=10, le=3600)] = Field(
        60.0, description="watch: seconds a thing must have been left or gone."
    )
    schedule: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="When it counts, local time of the box: `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00` "
        "(over midnight), `daily 20:00-24:00`. Empty: always. Never for privacy.",
    )
    sensitivity: Annotated[int, Field(ge=1, le=100)] = Field(
        50, description="At 100 half the contrast of the default is enough, at 1 it takes twice as much."
    )

    @field_validator("corners")
    @classmethod
    def _corners_make_an_area(cls, corners: Any, info: ValidationInfo) -> Any:
        if info.data.get("kind") is ZoneKind.LINE:
            if sum(math.dist(a, b) for a, b in itertools.pairwise(corners)) < _LEAST_LINE_RATIO:
                raise ValueError("线太短，请把端点分开 / the line is too short; move its points apart")
            return corners
        if len(corners) < 3:
            raise ValueError(
                f"{len(corners)} 个角点不成区域，至少 3 个（只有 line 可用 2 个） / "
                "an area has 3 corners or more; only kind line has two"
            )
        if area_of(corners) < _LEAST_AREA_RATIO:
            raise ValueError(
                "区域面积几乎为零，请重画角点 / the corners enclose next to nothing; draw them anew"
            )
        return corners

    @field_validator("schedule")
    @classmethod
    def _schedule_can_be_read(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            read_hours(line)
        return lines

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> ZoneSection:
        for key, kind in _KEYS_OF.items():
            if key in self.model_fields_set and self.kind is not kind:
                raise ValueError(
                    f'{key} 只用于 kind = "{kind}"，请删除或改 kind / '
                    f"{key} is for kind {kind} alone; remove it or change kind"
                )
        stray = [key for key in _NOT_OF_MASKS if self.kind.is_mask and key in self.model_fields_set]
        if stray:
            raise ValueError(f"遮罩没有 {stray[0]}，请删除 / a mask hides everything; remove {stray[0]}")
        if self.kind is ZoneKind.PRIVACY and self.schedule:
            raise ValueError(
                "隐私遮罩始终有效，请删除 schedule / a privacy mask always holds; remove schedule"
            )
        if self.min_size_ratio >= self.max_size_ratio:
            raise ValueError(
                "min_size_ratio 必须小于 max_size_ratio / min_size_ratio must be below max_size_ratio"
            )
        if self.kind is ZoneKind.CROWD and (self.crowd_ratio is None) == (self.crowd_count is None):
            raise ValueError(
                "聚集区域要填 crowd_ratio 或 crowd_count 之一 / give crowd_ratio or crowd_count, one of them"
            )
        return self

    def zone(self) -> Zone:
        """The zone as detection takes it."""
        return Zone(
            name=self.name,
            corners=self.corners,
            closed=self.closed,
            kind=self.kind,
            direction=self.direction,
            least_ratio=self.min_size_ratio,
            most_ratio=self.max_size_ratio,
            dwell_s=self.dwell_s,
            crowd_ratio=self.crowd_ratio,
            crowd_count=self.crowd_count,
            person_ratio=self.person_ratio,
            watch_s=self.watch_s,
            hours=tuple(read_hours(line) for line in self.schedule),
            sensitivity=self.sensitivity,
        )


def with_own_names(zones: tuple[ZoneSection, ...]) -> tuple[ZoneSection, ...]:
    """The zones of one picture. Raises ValueError where two have one name."""
    times = Counter(zone.name for zone in zones)
    doubled = ", ".join(name for name, count in times.items() if count > 1)
    if doubled:
        raise ValueError(f"区域名称重复，请改名：{doubled} / zone name stands twice, rename one: {doubled}")
    return zones


class DeviceSection(Section):
    """One device of the ledger."""

    id: Id = Field(description="Ledger id; the device's identity, whatever its address.")
    device_class: DeviceClass = Field(
        DeviceClass.SMART_CAMERA,
        alias="class",
        description="What it is for; integrated devices are read only.",
    )
    host: str = Field(description="Address on the LAN.")
    tls: bool = Field(
        False, description="Speak HTTPS to it, never HTTP; the certificate it shows first is pinned."
    )
    port: Port = Field(80, description="Port of its ONVIF door; 443 where tls is true and none is given.")
    rtsp_port: Port = Field(
        554, description="Port of its RTSP door, where it names none, has no ONVIF, or is port_forwarded."
    )
    port_forwarded: bool = Field(
        False,
        description="It is behind port forwarding (NAT): port and rtsp_port are used, whatever it returns.",
    )
    rtsp_basic: bool | None = Field(
        None,
        description="Whether its stream may get the password in clear (RTSP Basic) where it offers nothing "
        "better; without it, only while who answers is not in doubt. Never with tls.",
    )
    sip_port: Port = Field(5060, description="Port for SIP OPTIONS of a conference endpoint.")
    sip_user: SipUser = Field("", description="Number or name of a conference endpoint.")
    sip_registrar: str | None = Field(
        None, description="SIP registrar that should know the endpoint, host or host:port."
    )
    stream_path: str | None = Field(None, description="RTSP path of a device without ONVIF.")
    title: Title = Field("", description="Display name: a place, never a person.")
    gb_code: GbCode | None = Field(None, description="20-digit GB/T 28181 code.")
    username: str = Field("", description="Account on the device.")
    password_file: Path | None = Field(None, description="File with the password of that account.")
    supplementary_light: bool = Field(
        True,
        description="Whether a lamp or infrared (补光) lights its picture by night. false: a dark picture "
        "(V02) is a fault while the sun is up, and none from dusk to dawn.",
    )
    zones: tuple[ZoneSection, ...] = Field(
        (), alias="zone", max_length=32, description="Zones of its picture."
    )

    @field_validator("zones")
    @classmethod
    def _zones_have_names_of_their_own(cls, zones: tuple[ZoneSection, ...]) -> tuple[ZoneSection, ...]:
        return with_own_names(zones)

    @model_validator(mode="before")
    @classmethod
    def _https_has_its_own_port(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("tls") is True:
            return {"port": 443, **given}
        return given

    @model_validator(mode="after")
    def _tls_needs_onvif(self) -> DeviceSection:
        conference = self.device_class is DeviceClass.CONFERENCE_ENDPOINT
        if self.tls and (conference or self.stream_path is not None):
            raise ValueError("只有 ONVIF 设备可以设 tls / tls is for devices with ONVIF")
        return self

    @model_validator(mode="after")
    def _tls_is_never_basic(self) -> DeviceSection:
        if self.tls and self.rtsp_basic:
            raise ValueError(
                "tls 与 rtsp_basic 不能并用 / rtsp_basic sends the password in clear, tls never does"
            )
        return self

    @field_validator("sip_registrar")
    @classmethod
    def _registrar_is_an_address(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", value) is None:
            raise ValueError(f"不是有效的注册服务器地址 / {value!r} is no host or host:port")
        return value

    @model_validator(mode="after")
    def _registrar_needs_a_number(self) -> DeviceSection:
        if self.sip_registrar is not None and not self.sip_user:
            raise ValueError("填了注册服务器，还要填 sip_user / sip_registrar needs sip_user")
        return self

    @field_validator("host")
    @classmethod
    def _host_is_an_address(cls, value: str) -> str:
        try:
            if ":" not in value:
                return canonical(value)
        except ValueError:
            pass
        raise ValueError(
            f"不是有效的地址（IPv4 为四段十进制、不带前导零） / {value!r} is not a host or address "
            "(IPv4: four decimal parts without leading zeros)"
        )


class SearchSection(Section):
    """Where to look for devices nobody has listed."""

    subnets: tuple[str, ...] = Field(
        (), max_length=16, description="IPv4 networks to probe, at most /22 each."
    )
    port: Port = Field(80, description="ONVIF port to assume for an answer without address.")
    username: str = Field("", description="Account to try once on what is found.")
    password_file: Path | None = Field(None, description="File with its password.")
    interval_s: Seconds = Field(600, description="Seconds between two searches.")

    @field_validator("subnets")
    @classmethod
    def _subnets_are_small(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            network = ipaddress.ip_network(value)
            if network.version != 4 or network.num_addresses > 1024:
                raise ValueError(f"只支持不大于 /22 的 IPv4 网段 / {value}: IPv4, at most /22")
        return values


class Config(Section):
    """The whole file."""

    box: BoxSection
    centre: CentreSection
    watch: WatchSection = WatchSection()
    quality: QualitySection = QualitySection()
    bounds: BoundsSection = BoundsSection()
    monitor: MonitorSection = MonitorSection()
    search: SearchSection = SearchSection()
    objects: ObjectsSection = ObjectsSection()
    devices: tuple[DeviceSection, ...] = Field((), alias="device", max_length=256)

    @field_validator("devices")
    @classmethod
    def _ids_are_unique(cls, devices: tuple[DeviceSection, ...]) -> tuple[DeviceSection, ...]:
        times = Counter(device.id for device in devices)
        doubled = ", ".join(name for name, count in times.items() if count > 1)
        if doubled:
            raise ValueError(f"设备编号重复 / device id stands twice: {doubled}")
        return devices

    @field_validator("devices")
    @classmethod
    def _doors_are_unique(cls, devices: tuple[DeviceSection, ...]) -> tuple[DeviceSection, ...]:
        """One door is one device: a second row would have another class or log-in for it."""
        bearers: dict[tuple[str, int], list[str]] = {}
        for row in devices:
            if row.stream_path is None and row.device_class is not DeviceClass.CONFERENCE_ENDPOINT:
                bearers.setdefault((row.host, row.port), []).append(row.id)
        doubled = [f"{host}:{port}: {', '.join(ids)}" for (host, port), ids in bearers.items() if ids[1:]]
        if doubled:
            said = "; ".join(doubled)
            raise ValueError(
                f"同一地址和端口有多台设备，请只留一条：{said} / one address and port stands for several "
                f"devices, keep one: {said}"
            )
        return devices


def load_config(path: Path) -> Config:
    """Read and validate ``path``. Raises ConfigError that lists every problem at once."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), [f"无法读取 / cannot be read: {error}"]) from error
    return parse_config(raw, where=str(path))


def parse_config(raw: dict[str, Any], *, where: str) -> Config:
    """Validate a parsed tree; ``where`` names it in the error."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}"
            f"{_names(raw, item['loc'])}: {problem_in_words(item)}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(where, problems) from error


def area_of(corners: Sequence[tuple[float, float]]) -> float:
    """Area of a polygon as share of the picture (Gauss's formula)."""
    following = (*corners[1:], corners[0])
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, following, strict=True))) / 2


def _names(raw: Mapping[str, Any], place: tuple[int | str, ...]) -> str:
    """By which names people know the device and the zone at a place, in brackets; "" for other places."""
    names, node = list[str](), raw
    for step, key in itertools.pairwise(place[:4]):
        if (step, key) != ("device", place[1]) and step != "zone":
            continue
        rows = node.get(str(step)) if isinstance(node, Mapping) else None
        if not isinstance(rows, list) or not isinstance(key, int) or key >= len(rows):
            break
        node = rows[key]
        name = node.get("id" if step == "device" else "name") if isinstance(node, Mapping) else None
        if isinstance(name, str):
            names.append(name[:40])
    return f" [{' '.join(names)}]" if names else ""


_CHINESE = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这个配置项",
    "string_pattern_mismatch": "格式不对",
    "string_type": "应为文本",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "bool_parsing": "应为 true 或 false",
    "enum": "不在可选值之内",
    "greater_than": "数值过小",
    "greater_than_equal": "数值过小",
    "less_than_equal": "数值过大",
    "too_long": "数量过多",
    "too_short": "数量过少",
    "string_too_long": "文本过长",
    "string_too_short": "文本过短",
    "path_type": "应为文件路径",
}


def problem_in_words(problem: Mapping[str, Any]) -> str:
    """What is wrong, Chinese first; our own messages carry both languages already."""
    chinese = _CHINESE.get(problem["type"])
    return f"{chinese} / {problem['msg']}" if chinese else str(problem["msg"]).removeprefix("Value error, ")
