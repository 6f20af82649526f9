"""What lies where in the demo's folder, and what is written into each part's file.

Laws. ``clips`` and ``bytecode`` outlive a run (rendering and compiling are dear); ``county`` is made anew at
every start and holds all else that a run writes. Nothing is deleted that does not carry our mark. Secrets
lie in files of mode 0600.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.demo.places import VILLAGES, Device, Kind, Village

MARK: Final = ".outpost-demo"
REPOSITORY: Final = Path(__file__).resolve().parents[2]
ONVIF_PORT: Final = 18000
RTSP_PORT: Final = 18554
SIP_PORT: Final = 15060
NETWORKS: Final = range(20, 120)
"""Second octets of 127.x: a county takes one, so that several run side by side."""


class FolderTaken(RuntimeError):
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly the boxes and the centre make up their minds: seconds. The defaults are the demo's.

    A real box takes the county's times (a covered lens 10 minutes, a dark one 5); nobody would watch that.
    """

    ladder_interval_s: float = 4.0
    retry_interval_s: float = 1.5
    heartbeat_s: float = 2.0
    canary_s: float = 20.0
    covered_confirm_s: float = 3.0
    frozen_confirm_s: float = 4.0
    dark_confirm_s: float = 3.0
    clear_confirm_s: float = 3.0
    motion_hold_s: float = 3.0
    still_interval_s: float = 20.0
    keepalive_s: int = 5
    box_offline_s: float = 8.0
    recover_hold_s: float = 2.0


_WATCHED: Final = (
    "ladder_interval_s",
    "retry_interval_s",
    "heartbeat_s",
    "canary_s",
    "covered_confirm_s",
    "frozen_confirm_s",
    "dark_confirm_s",
    "clear_confirm_s",
    "motion_hold_s",
    "still_interval_s",
)
"""The fields of ``Pace`` that the boxes' ``[watch]`` takes; the others are the centre's."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Every path of one county."""

    root: Path
    clips: Path
    bytecode: Path
    county: Path
    authority: Path
    centre: Path
    desk: Path
    simulator: Path
    logs: Path

    def box(self, village: Village) -> Path:
        return self.county / "boxes" / village.box

    def outbox(self, village: Village) -> Path:
        """The box's own database."""
        return self.box(village) / "data" / "box.db"


def folders_of(root: Path, *, clips: Path | None = None) -> Folders:
    """The paths under ``root``; nothing is made."""
    county = root / "county"
    return Folders(
        root=root,
        clips=clips or root / "clips",
        bytecode=root / "bytecode",
        county=county,
        authority=county / "authority",
        centre=county / "centre",
        desk=county / "case-system",
        simulator=county / "simulator",
        logs=county / "logs",
    )


@dataclass(slots=True)
class Claim:
    """The sole right to a folder for as long as it is held."""

    _file: int = field(repr=False)

    def release(self) -> None:
        os.close(self._file)


def claim(folders: Folders) -> Claim:
    """Take the folder for this run and clear what an earlier one left. Raises FolderTaken."""
    root = folders.root
    if root.exists() and any(root.iterdir()) and not (root / MARK).exists():
        raise FolderTaken(
            f"{root} is not the demo's and is left alone / 该目录不是演示目录: choose another --data"
        )
    root.mkdir(parents=True, exist_ok=True)
    held = os.open(root / MARK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise FolderTaken(f"another demo runs in {root} / 该目录中已有演示在运行") from error
    if folders.county.exists():
        shutil.rmtree(folders.county)
    for folder in (folders.authority, folders.centre, folders.desk, folders.simulator, folders.logs):
        folder.mkdir(parents=True)
    folders.clips.mkdir(parents=True, exist_ok=True)
    for village in VILLAGES:
        folders.box(village).mkdir(parents=True)
    return Claim(held)


def write_secret(path: Path, text: str) -> Path:
    """A file of mode 0600 with one line."""
    path.touch(0o600)
    path.write_text(text + "\n", "utf-8")
    return path


def new_password() -> str:
    """20 characters that can be read aloud: no 0, O, 1, l, I."""
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return (
        "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(3))
        + "-"
        + secrets.choice("23456789")
    )


def new_entry_key() -> str:
    """A box's entry key: 32 bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


# --- the broker ----------------------------------------------------------------------------------


def write_broker_config(folders: Folders, *, port: int) -> Path:
    """mosquitto.conf from the shipped template; returns its path."""
    shipped = REPOSITORY / "deploy" / "mosquitto"
    template = string.Template((shipped / "outpost.conf.in").read_text("utf-8"))
    acl = folders.county / "broker.acl"
    acl.write_bytes((shipped / "outpost.acl").read_bytes())
    acl.chmod(0o600)
    text = template.substitute(
        port=port,
        address="127.0.0.1",
        # started by root, mosquitto would change to its own user, who may not read this folder
        user_line="user root" if os.geteuid() == 0 else "",
        ca_file=folders.authority / "ca.crt",
        cert_file=folders.authority / "broker.crt",
        key_file=folders.authority / "broker.key",
        acl_file=acl,
        crl_line="",
        persistence="false",
    )
    path = folders.county / "mosquitto.conf"
    path.write_text(text, "utf-8")
    return path


# --- the simulator -------------------------------------------------------------------------------


def address_of(network: int, village: Village, device: Device) -> str:
    """A device's own loopback address."""
    return f"127.{network}.{village.number}.{11 + village.devices.index(device)}"


def write_county_file(folders: Folders, *, network: int, password: str) -> Path:
    """The simulator's file; returns its path."""
    tables: list[tuple[str, Mapping[str, Any]]] = [("[control]", {"host": "127.0.0.1", "port": 0})]
    for village in VILLAGES:
        tables += [("[[device]]", _simulated(network, village, each, password)) for each in village.devices]
    path = folders.simulator / "county.toml"
    write_secret(path, toml(tables))
    return path


def _simulated(network: int, village: Village, device: Device, password: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": village.device_id(device),
        "kind": device.kind.value,
        "ip": address_of(network, village, device),
    }
    if device.kind is Kind.CONFERENCE_ENDPOINT:
        return {**told, "sip_port": SIP_PORT}
    return {
        **told,
        "http_port": ONVIF_PORT,
        "rtsp_port": RTSP_PORT,
        "personality": device.personality,
        "username": "admin",
        "password": password,
        "scene": device.scene,
    }


# --- the boxes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Uplink:
    """How one box reaches the county: both ports are its relays'."""

    broker_port: int
    evidence_port: int
    monitor_port: int


def write_box_file(
    folders: Folders, village: Village, *, network: int, uplink: Uplink, password_file: Path, pace: Pace
) -> Path:
    """One box's TOML; its keys and certificate must lie where this says. Returns its path."""
    home = folders.box(village)
    tables: list[tuple[str, Mapping[str, Any]]] = [
        (
            "[box]",
            {
                "id": village.box,
                "title": village.title,
                "civil_code": village.civil_code,
                "data_dir": str(home / "data"),
            },
        ),
        (
            "[centre]",
            {
                "host": "127.0.0.1",
                "port": uplink.broker_port,
                "ca_file": str(folders.authority / "ca.crt"),
                "cert_file": str(folders.authority / f"{village.box}.crt"),
                "key_file": str(folders.authority / f"{village.box}.key"),
                "mac_key_file": str(home / "entry.key"),
                "evidence_url": f"http://127.0.0.1:{uplink.evidence_port}",
                "keepalive_s": pace.keepalive_s,
            },
        ),
        ("[watch]", _watch(pace)),
        ("[monitor]", {"host": "127.0.0.1", "port": uplink.monitor_port}),
    ]
    for index, device in enumerate(village.devices, 1):
        tables += _listed(village, device, index, network=network, password_file=password_file)
    path = home / "box.toml"
    path.write_text(toml(tables), "utf-8")
    return path


def _watch(pace: Pace) -> dict[str, Any]:
    return {name: getattr(pace, name) for name in _WATCHED}


def _listed(
    village: Village, device: Device, index: int, *, network: int, password_file: Path
) -> list[tuple[str, Mapping[str, Any]]]:
    listed: dict[str, Any] = {
        "id": village.device_id(device),
        "class": device.device_class,
        "host": address_of(network, village, device),
        "title": device.title,
    }
    if device.kind is Kind.CONFERENCE_ENDPOINT:
        return [("[[device]]", {**listed, "sip_port": SIP_PORT})]
    listed |= {
        "port": ONVIF_PORT,
        "rtsp_port": RTSP_PORT,
        "gb_code": village.gb_code(index),
        "username": "admin",
        "password_file": str(password_file),
    }
    tables: list[tuple[str, Mapping[str, Any]]] = [("[[device]]", listed)]
    if device.zone is not None:
        name, corners = device.zone
        tables.append(("[[device.zone]]", {"name": name, "corners": [list(corner) for corner in corners]}))
    return tables


# --- TOML ----------------------------------------------------------------------------------------


def toml(tables: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Tables of plain values as TOML; JSON's strings, numbers, booleans and arrays are TOML's too."""
    return "\n".join(
        "\n".join(
            [
                *([head] if head else []),
                *(f"{key} = {_value(value)}" for key, value in fields.items() if value is not None),
                "",
            ]
        )
        for head, fields in tables
    )


def _value(value: object) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
