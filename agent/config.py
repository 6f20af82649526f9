"""The box's configuration: one TOML file to one frozen tree.

Law: unknown keys are refused, every problem is shown at once, nothing is touched (no DNS, no device,
no file but the one read). Secrets come by file path only.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from agent.errors import ConfigError
from protocol.ids import CivilCode, GbCode, Id
from protocol.words import DeviceClass

Title = Annotated[str, StringConstraints(max_length=120)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
SipUser = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+*-]{0,64}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BoxSection(Section):
    """Who this box is."""

    id: Id = Field(description="Box id; also the name of its certificate and its place in every topic.")
    title: Title = Field("", description="Display name of the village or place.")
    civil_code: CivilCode | None = Field(None, description="Official area code of 6, 9, 12 or 15 digits.")
    data_dir: Path = Field(description="Folder for the outbox, the ledger and stills waiting for upload.")


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
    evidence_url: str | None = Field(None, description="Base URL of the county's HTTP door, for stills.")
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
        0.5, description="How long something must move before it is an event."
    )
    motion_hold_s: Seconds = Field(6, description="How long it must be quiet before the event ends.")
    covered_confirm_s: Seconds = Field(600, description="Covered lens (V06) before it is a fault.")
    dark_confirm_s: Seconds = Field(
        300, description="Dark (V02) or over-bright (V03) picture before it is a fault."
    )
    frozen_confirm_s: Seconds = Field(60, description="Frozen picture (V05) before it is a fault.")
    blurred_confirm_s: Seconds = Field(
        1800, description="Blurred (V04) or moved (V14) picture before it is a fault."
    )
    clear_confirm_s: Seconds = Field(30, description="Good picture before a fault is over.")


class BoundsSection(Section):
    """How much the box keeps."""

    outbox_rows: int = Field(500_000, ge=1_000, le=10_000_000, description="Log entries kept at most.")
    grace_h: int = Field(
        72, ge=1, le=720, description="Hours an acknowledged entry is kept for a restored county."
    )
    spool_mb: int = Field(200, ge=1, le=10_000, description="Megabytes of stills waiting for upload at most.")
    cpu_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.6,
        description="Share of all processor cores the box's process may use, 0 to 1. Above it pictures are "
        "judged less, those of closed zones last; video is read as before.",
    )
    memory_mb: int = Field(
        1024,
        ge=128,
        le=65_536,
        description="Megabytes of memory the process may use; above it pictures are judged less. 64 streams "
        "take some 400.",
    )


class MonitorSection(Section):
    """The operator's pages of this process."""

    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz, /readyz.")
    port: int = Field(9101, ge=0, le=65535, description="Port; 0 takes any.")


class ZoneSection(Section):
    """A part of a picture."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="Name people know it by."
    )
    corners: tuple[tuple[Share, Share], ...] = Field(
        min_length=3, max_length=32, description="Corners as shares of width and height, from the top left."
    )
    closed: bool = Field(True, description="Somebody inside is an intrusion, not mere motion.")


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
    zones: tuple[ZoneSection, ...] = Field((), alias="zone", description="Zones of its picture.")

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
        if not value or any(mark in value for mark in "/@: "):
            raise ValueError(f"不是有效的地址 / {value!r} is not a host or address")
        return value


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
    bounds: BoundsSection = BoundsSection()
    monitor: MonitorSection = MonitorSection()
    search: SearchSection = SearchSection()
    devices: tuple[DeviceSection, ...] = Field((), alias="device", max_length=256)

    @field_validator("devices")
    @classmethod
    def _ids_are_unique(cls, devices: tuple[DeviceSection, ...]) -> tuple[DeviceSection, ...]:
        times = Counter(device.id for device in devices)
        doubled = ", ".join(name for name, count in times.items() if count > 1)
        if doubled:
            raise ValueError(f"设备编号重复 / device id stands twice: {doubled}")
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
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {_in_words(item)}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(where, problems) from error


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


def _in_words(problem: Mapping[str, Any]) -> str:
    """What is wrong, Chinese first; our own messages carry both languages already."""
    chinese = _CHINESE.get(problem["type"])
    return f"{chinese} / {problem['msg']}" if chinese else str(problem["msg"])
