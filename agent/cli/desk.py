"""What a command works with: the box's configuration, its ledger, the device room, and the device meant.

A device is named by ledger id, GB code or address. Without ``--config`` one device is described on the spot
(``--host``), and nothing is remembered on disk.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.app import device_of, found_rows, where_it_is
from agent.cli.paper import Paper
from agent.config import Config, load_config
from agent.devices.room import OnvifRoom
from agent.errors import ConfigError
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Notebook, Vault
from agent.services.logins import login_of
from agent.services.register import DeviceRegister
from protocol.words import DeviceClass


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a command needs. ``devices`` are those of the box's ledger, by id."""

    paper: Paper
    room: OnvifRoom
    devices: Sequence[Device]
    config: Config | None = None
    notebook: Notebook | None = None
    vault: Vault | None = None
    register: DeviceRegister | None = None

    def device(self, name: str) -> Device:
        """The device meant by id, GB code or address. Raises ConfigError that lists what there is."""
        meant = [one for one in self.devices if name in (one.id, one.gb_code, one.host, address(one))]
        if len(meant) == 1:
            return meant[0]
        if meant:
            there = ", ".join(one.id for one in meant)
            raise ConfigError(name, [f"不止一台设备，请用编号 / more than one device, use the id: {there}"])
        there = ", ".join(one.id for one in self.devices[:20]) or "-"
        raise ConfigError(name, [f"台账中没有这台设备 / no such device in the ledger; there are: {there}"])


def address(device: Device) -> str:
    """``192.168.1.64:80``: the port by which it is spoken to, SIP or RTSP where it has no ONVIF."""
    if device.is_conference:
        return f"{device.host}:{device.sip_port}"
    return f"{device.host}:{device.port if device.stream_path is None else device.rtsp_port}"


@contextlib.contextmanager
def opened(options: argparse.Namespace) -> Iterator[Desk]:
    """The desk of a command line. Raises ConfigError."""
    paper = Paper(as_json=options.json)
    if options.config is None:
        room = OnvifRoom()
        yield Desk(paper, room, _described(options))
        return
    config = load_config(options.config)
    with contextlib.closing(SqliteNotebook(config.box.data_dir / "notebook.db")) as notebook:
        register = DeviceRegister(notebook)
        vault = SealedVault(notebook, config.box.data_dir / "vault.key")
        devices = [login_of(device, vault) for device in _ledger(config, register)]
        register.keep_to(frozenset(device.id for device in devices))
        room = OnvifRoom(notebook=notebook, register=register)
        yield Desk(paper, room, devices, config, notebook, vault, register)


def _ledger(config: Config, register: DeviceRegister) -> Sequence[Device]:
    """The rows of the configuration and those discovery made, each at the address where it was last."""
    listed = [where_it_is(device_of(section), register) for section in config.devices]
    names = {device.id for device in listed}
    rows = found_rows(register.found(), config.search)
    return [*listed, *(where_it_is(row, register) for row in rows if row.id not in names)]


def _described(options: argparse.Namespace) -> Sequence[Device]:
    """The one device of ``--host``; none when it is not given."""
    if not options.host:
        return ()
    host, _, port = options.host.partition(":")
    if port and not port.isdigit():
        raise ConfigError(options.host, ["端口应为数字 / the port must be a number: HOST[:PORT]"])
    device_class = DeviceClass(options.device_class)
    is_conference = device_class is DeviceClass.CONFERENCE_ENDPOINT
    return (
        Device(
            id="device",
            device_class=device_class,
            host=host,
            port=int(port or (443 if options.tls else 80)),
            tls=options.tls,
            port_forwarded=options.port_forwarded,
            rtsp_port=options.rtsp_port,
            sip_port=int(port or 5060) if is_conference else 5060,
            sip_user=options.number,
            sip_registrar=options.registrar,
            stream_path=options.stream_path,
            username=options.user,
            password=_password(options.user, options.password_file),
        ),
    )


def _password(user: str, file: Path | None) -> Secret:
    """From the file, else asked for. Never an argument: arguments are seen by every user of the machine."""
    if not user:
        return Secret("")
    if file is not None:
        try:
            return Secret(file.read_text("utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(file), [f"口令文件无法读取 / cannot be read: {error}"]) from error
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    return Secret(getpass.getpass(f"{user} 的口令 / password of {user}: "))
