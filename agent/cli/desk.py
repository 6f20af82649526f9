"""What a command works with: the box's configuration, its ledger, the device room, and the device meant.

A device is named by ledger id, GB code or address. ``--host`` describes one device on the spot instead; what
is learned of it is kept for the user who asks (see ``described``).
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from agent.app import device_of, found_rows, where_it_is
from agent.cli import described
from agent.cli.bystander import beside
from agent.cli.paper import Paper
from agent.config import Config, load_config
from agent.devices.address import bracketed
from agent.devices.room import OnvifRoom
from agent.errors import ConfigError
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Notebook, Vault
from agent.services.logins import login_of
from agent.services.register import DeviceRegister


class WrongArguments(ConfigError):
    """The command cannot be carried out as it was given; the configuration has nothing to do with it."""


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
    names: frozenset[str] = frozenset()
    """What the one device of ``--host`` may be called; empty with a ledger."""

    def device(self, name: str | None) -> Device:
        """The device meant by id, GB code or address; None is the one of ``--host``.

        Raises ConfigError that lists what there is.
        """
        if self.names and (name is None or name in self.names):
            return self.devices[0]
        if self.config is None and not self.names:
            raise ConfigError(
                name or "device", ["请用 --config 或 --host / give --config FILE or --host HOST[:PORT]"]
            )
        if name is None:
            raise ConfigError(
                "device", ["请指明设备：编号，或 --host / name a device: by id, or with --host"]
            )
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
        return f"{bracketed(device.host)}:{device.sip_port}"
    return f"{bracketed(device.host)}:{device.port if device.stream_path is None else device.rtsp_port}"


@contextlib.contextmanager
def opened(options: argparse.Namespace) -> Iterator[Desk]:
    """The desk of a command line. Raises ConfigError."""
    paper = Paper(as_json=options.json)
    if getattr(options, "host", None):
        with _described(options) as desk:
            yield desk
        return
    if options.config is None:
        yield Desk(paper, OnvifRoom(), ())
        return
    config = load_config(options.config)
    with contextlib.closing(SqliteNotebook(config.box.data_dir / "notebook.db")) as notebook:
        register = DeviceRegister(notebook)
        vault = SealedVault(notebook, config.box.data_dir / "vault.key")
        devices = [login_of(device, vault) for device in _ledger(config, register)]
        register.keep_to(devices)
        room = OnvifRoom(notebook=notebook, register=register, ledger=lambda: devices)
        yield Desk(paper, room, devices, config, notebook, vault, register)


@contextlib.contextmanager
def _described(options: argparse.Namespace) -> Iterator[Desk]:
    """The desk of ``--host``. With ``--config`` too, that only says what may not be written to."""
    known = None if options.config is None else beside(load_config(options.config))
    integrated = frozenset() if known is None else known.addresses
    try:
        device = described.describe(options, integrated)
    except ConfigError as error:
        raise WrongArguments(error.where, error.problems) from error
    with described.remembering() as notebook:
        unnamed = not options.device_class and device.host not in integrated
        reword = partial(described.reworded, remembers=notebook is not None, class_named=not unnamed)
        paper = Paper(as_json=options.json, reword=reword)
        yield Desk(
            paper,
            OnvifRoom(notebook=notebook, register=known),
            (device,),
            names=described.names(device, options.host),
        )


def _ledger(config: Config, register: DeviceRegister) -> Sequence[Device]:
    """The rows of the configuration and those discovery made, each at the address where it was last."""
    listed = [where_it_is(device_of(section), register) for section in config.devices]
    names = {device.id for device in listed}
    rows = found_rows(register.found(), config.search)
    return [*listed, *(where_it_is(row, register) for row in rows if row.id not in names)]
