"""Decides what a county file may say, builds its devices, and starts and stops them together.

Law: a county file is read whole before anything listens; all its mistakes are told at once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from simulator.device.device import Device
from simulator.device.kinds import ABILITIES, Kind
from simulator.device.personality import PERSONALITIES, AuthMode
from simulator.device.ports import MovingPicture, StreamServer
from simulator.device.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from simulator.onvif.discovery import Announcer, Group
from simulator.onvif.endpoint import Endpoint
from simulator.sip import SIP_PORT, SipEndpoint
from simulator.sip_registrar import Registrar
from simulator.sip_registration import Registration
from simulator.station import Station
from simulator.video.model import Codec, ProfileSpec

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.25
PROFILES = (
    ProfileSpec(token="main", width=1280, height=720, fps=15, gop=30, codec=Codec.H264),  # noqa: S106
    ProfileSpec(token="sub", width=640, height=360, fps=10, gop=20, codec=Codec.H264),  # noqa: S106
)


class CountyFileWrong(ValueError):
    """The county file cannot be used; the text lists every mistake."""


class ControlEntry(BaseModel):
    """Where the control port listens; port 0 takes any free one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)


class DeviceEntry(BaseModel):
    """One device of the county file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    kind: Kind = Kind.CAMERA
    ip: str
    http_port: int = Field(default=8000, ge=0, le=65535)
    rtsp_port: int = Field(default=8554, ge=0, le=65535)
    sip_port: int = Field(default=SIP_PORT, ge=0, le=65535)
    personality: str = "plain"
    username: str = "admin"
    password: SecretStr = SecretStr("")
    auth: AuthMode | None = None
    scene: str | None = None
    file: Path | None = None
    parent: str | None = None
    channel: int = Field(default=1, ge=1, le=64)
    tls: bool = False
    recordings: int | None = Field(default=None, ge=0, le=64)
    """How many channels it records; a camera with a card has one."""
    leaks_identity: bool = False
    activated: bool = True
    number: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+*-]{0,64}$")] = ""
    registrar: str | None = None

    @field_validator("ip")
    @classmethod
    def _on_loopback(cls, value: str) -> str:
        if not ipaddress.IPv4Address(value).is_loopback:
            raise ValueError(f"{value} is no loopback address; devices listen on 127.0.0.0/8 only")
        return value

    @field_validator("file")
    @classmethod
    def _beside(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        folder = (info.context or {}).get("folder")
        return value if value is None or folder is None else folder / value

    @field_validator("personality")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in PERSONALITIES:
            raise ValueError(f"no personality {value!r}; there are: {', '.join(PERSONALITIES)}")
        return value

    @model_validator(mode="after")
    def _one_picture(self) -> Self:
        if self.scene is not None and self.file is not None:
            raise ValueError(f"device {self.name}: give a scene or a file, not both")
        if self.registrar is not None and not (self.number and _is_account(self.password)):
            raise ValueError(
                f"device {self.name}: to register it needs a number, and a password of "
                f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
            )
        return self


def _is_account(password: SecretStr) -> bool:
    return SHORTEST_PASSWORD <= len(password.get_secret_value()) <= LONGEST_PASSWORD


class CountyFile(BaseModel):
    """The whole county file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    control: ControlEntry = ControlEntry()
    device: tuple[DeviceEntry, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [entry.name for entry in self.device]
        addresses = [entry.ip for entry in self.device]
        twice = {name for name in names if names.count(name) > 1} | {
            ip for ip in addresses if addresses.count(ip) > 1
        }
        if twice:
            raise ValueError(f"used twice: {', '.join(sorted(twice))}")
        registrars = {entry.name for entry in self.device if ABILITIES[entry.kind].registrar}
        for entry in self.device:
            if entry.registrar is not None and entry.registrar not in registrars:
                raise ValueError(f"device {entry.name}: no sip_registrar is called {entry.registrar!r}")
        return self


def read_county(path: Path) -> CountyFile:
    """Read a county file; raises CountyFileWrong with every mistake, OSError when it cannot be read.

    A relative clip is looked for beside the county file.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return CountyFile.model_validate(raw, context={"folder": path.parent})
    except tomllib.TOMLDecodeError as error:
        raise CountyFileWrong(f"{path}: {error}") from error
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()
        ]
        raise CountyFileWrong("\n".join(lines)) from error


Equip = Callable[[DeviceEntry], tuple[MovingPicture, StreamServer | None]]
"""Makes the lens and the stream of a device; `simulator.lens.equipment` is the real one."""


class County:
    """All devices of a county file."""

    def __init__(
        self, file: CountyFile, *, equip: Equip, profiles: tuple[ProfileSpec, ...] = PROFILES
    ) -> None:
        self.stations: dict[str, Station] = {}
        for entry in sorted(file.device, key=lambda one: not ABILITIES[one.kind].registrar):
            self.stations[entry.name] = _station(entry, equip, profiles, self.stations)
        self._group = Group(s.announcer for s in self.stations.values() if s.announcer is not None)
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Prepare all pictures, then open all ports; on failure everything is closed again."""
        try:
            pictures = [s.device.picture for s in self.stations.values() if s.device.picture is not None]
            await asyncio.gather(*(picture.prepare() for picture in pictures))
            for station in self.stations.values():
                await station.open()
        except BaseException:
            await self.stop()
            raise
        if not await self._group.open():
            log.warning("no multicast on the loopback interface: devices answer unicast probes only")
        self._looking = asyncio.get_running_loop().create_task(self._look(), name="county looks")

    async def stop(self) -> None:
        """Close everything."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        self._group.close()
        for station in self.stations.values():
            await station.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for station in self.stations.values():
                station.notice()

    def addresses(self) -> dict[str, dict[str, Any]]:
        """Name, kind and addresses of every device, for the ready line."""
        return {name: address(station) for name, station in self.stations.items()}


def address(station: Station) -> dict[str, Any]:
    """Where the device is reached."""
    device = station.device
    told: dict[str, Any] = {"kind": str(device.kind), "ip": device.ip, "personality": device.make}
    if station.endpoint is not None:
        told["onvif"] = f"{device.scheme}://{device.ip}:{device.http_port}{device.personality.paths.device}"
    if station.streams is not None:
        told["rtsp"] = {profile.token: station.streams.url(profile.token) for profile in device.media}
    if station.sip is not None:
        told["sip"] = f"sip:{device.ip}:{station.sip.port}"
    return told


def _station(
    entry: DeviceEntry, equip: Equip, profiles: tuple[ProfileSpec, ...], others: Mapping[str, Station]
) -> Station:
    """One device with its ports; `others` holds its registrar, if it has one."""
    abilities = ABILITIES[entry.kind]
    picture, streams = equip(entry) if abilities.streams else (None, None)
    device = Device(
        entry.name,
        entry.kind,
        ip=entry.ip,
        http_port=entry.http_port,
        personality=entry.personality,
        username=entry.username,
        password=entry.password.get_secret_value(),
        auth=entry.auth,
        profiles=profiles if abilities.streams else (),
        picture=picture,
        parent=entry.parent,
        channel=entry.channel,
        tls=entry.tls,
        recordings=entry.recordings,
    )
    if streams is not None:
        device.stream_url = streams.url
    station = Station(
        device,
        endpoint=Endpoint(device) if abilities.onvif else None,
        announcer=Announcer(device) if abilities.onvif else None,
        streams=streams,
        sip=_sip(entry, device, others),
    )
    if not entry.activated:
        device.faults = device.faults.changed({"not_activated": True})
    if entry.leaks_identity:
        device.faults = device.faults.changed({"leaks_identity": True})
    return station


def _sip(entry: DeviceEntry, device: Device, others: Mapping[str, Station]) -> SipEndpoint | Registrar | None:
    """The SIP port of a registrar or of a conference endpoint, which gets an account at its registrar."""
    abilities = ABILITIES[entry.kind]
    if abilities.registrar:
        return Registrar(device, port=entry.sip_port)
    if not abilities.sip:
        return None
    if entry.registrar is None:
        return SipEndpoint(device, port=entry.sip_port, number=entry.number)
    registrar = others[entry.registrar]
    registrar.device.users.create(entry.number, entry.password.get_secret_value(), "User")

    def listens() -> tuple[str, int]:
        assert registrar.sip is not None
        return registrar.device.ip, registrar.sip.port

    registration = Registration(device, number=entry.number, registrar=listens)
    return SipEndpoint(device, port=entry.sip_port, number=entry.number, registration=registration)
