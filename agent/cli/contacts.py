"""Commands ``relays`` and ``inputs``: contacts shown, a relay switched.

Law: what hangs on a relay is not known (a gate, a siren), so switching one asks back; what is known
afterwards is said, never more.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.devices.upkeep import contact_sentences
from agent.devices.upkeep.contacts import ContactSeen, Proof, Switching

EXIT_OK, EXIT_REFUSED = 0, 3


def relays(desk: Desk, options: argparse.Namespace) -> int:
    """The relay outputs; with ``--on`` or ``--off`` one of them is switched."""
    device = desk.device(options.device)
    token = options.on or options.off
    if token and not confirmed(desk, options, _warning(device.id, token, on=bool(options.on))):
        return EXIT_REFUSED
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        if token:
            return _switched(desk, device.id, upkeep.contacts.switch(token, active=bool(options.on)))
        found = upkeep.contacts.relays(with_state=options.state)
    return _shown(desk, device.id, "relays", found, empty="没有继电器 / no relays")


def inputs(desk: Desk, options: argparse.Namespace) -> int:
    """The digital inputs."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        found = upkeep.contacts.inputs(with_state=options.state)
    return _shown(desk, device.id, "inputs", found, empty="没有开关量输入 / no digital inputs")


def _warning(device: str, token: str, *, on: bool) -> str:
    return (
        f"{device} 继电器 {token} {'动作' if on else '复位'}（可能开闸或鸣警笛） / "
        f"relay {token} {'on' if on else 'off'}: it may open a gate or sound a siren"
    )


def _switched(desk: Desk, device: str, switching: Switching) -> int:
    desk.paper.document({"device": device, "relay": switching})
    told = contact_sentences.switched if switching.proof is Proof.TOLD else contact_sentences.accepted
    desk.paper.line(f"{device}: {told(switching.token, switching.active)}")
    if switching.returns_s is not None:
        desk.paper.line(contact_sentences.falls_back(switching.returns_s))
    return EXIT_OK


def _shown(desk: Desk, device: str, kind: str, found: Sequence[ContactSeen], *, empty: str) -> int:
    desk.paper.document({"device": device, kind: list(found)})
    if not desk.paper.as_json:
        columns = ("设置名 setting", "标识 token", "设置 settings", "动作 active")
        rows = [
            (
                one.role,
                one.token,
                ", ".join(f"{name}={value}" for name, value in one.settings.items()),
                one.active,
            )
            for one in found
        ]
        desk.paper.table(columns, rows, empty=empty)
    return EXIT_OK
