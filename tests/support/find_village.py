"""From a subnet to devices under care: found, taken in, logged in to, identified, listened to.

    python -m tests.support.find_village [COUNT] [SECONDS]      64 devices within 180 s: ``make find-64``

Devices of all makes and kinds of the simulator stand on a loopback subnet: cameras, domes, recorders,
checkpoints, one in eight with HTTPS alone, all unknown to the box; and a conference endpoint in its ledger.
The box is the whole agent; it is given the subnet and one log-in.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.app import BoxApp
from agent.config import parse_config
from agent.devices import Limits
from protocol.words import Reason
from simulator.device.device import Device
from simulator.device.personality import PERSONALITIES
from tests.support.processes import free_port
from tests.support.virtual_county import RunningCounty, entry, running

FULL, LIMIT_S = 64, 180.0
_KINDS = ("camera", "ptz_dome", "nvr_channel", "micro_checkpoint", "face_capture", "lookout")
_TLS_EACH = 8
STEPS = ("taken_in", "identified", "listened_to")
_PULSE_S = 0.2


@dataclass(slots=True)
class Timeline:
    """When how many devices were how far, in seconds since the box began; and what is wrong at the end."""

    devices: int
    rows: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all devices are under care."""
        return bool(self.rows) and self.rows[-1][1] == (self.devices,) * len(STEPS)


def lived(count: int, *, limit_s: float) -> Timeline:
    """Let a box find ``count`` devices."""
    subnet = f"127.{100 + os.getpid() % 90}.{os.getpid() // 90 % 250}"
    entries = list(_entries(count, subnet))
    sip_port = free_port()
    conference = entry("vc", kind="conference_endpoint", ip=f"{subnet}.250", sip_port=sip_port)
    with tempfile.TemporaryDirectory() as folder, running(*entries, conference) as county:
        devices = [county.device(str(one["name"])) for one in entries]
        timeline = Timeline(count)
        with _box(Path(folder), f"{subnet}.0/24", county.device("vc").ip, sip_port) as app:
            began = time.monotonic()
            while not timeline.whole and (at_s := time.monotonic() - began) < limit_s:
                _note(timeline, at_s, _standing(app, county, devices))
                time.sleep(_PULSE_S)
            timeline.wrong = _wrong(timeline, app, county, devices)
    return timeline


def _entries(count: int, subnet: str) -> Iterator[dict[str, object]]:
    """Makes and kinds turn at different paces, so that each make is met as each kind.

    A make that announces a plain address it does not serve is found at port 443 alone: it has HTTPS where
    that may be opened, which is for root.
    """
    makes = itertools.cycle(PERSONALITIES)
    for number in range(count):
        kind, make = _KINDS[number // 2 % len(_KINDS)], next(makes)
        more: dict[str, object] = {}
        if number % _TLS_EACH == _TLS_EACH - 1 and PERSONALITIES[make].plain_xaddrs:
            more = {"tls": True, "http_port": 443} if os.geteuid() == 0 else {}
        elif number % _TLS_EACH == _TLS_EACH - 1:
            more = {"tls": True}
        yield entry(f"d{number}", kind=kind, personality=make, ip=f"{subnet}.{number + 10}", **more)


@contextlib.contextmanager
def _box(folder: Path, subnet: str, conference: str, sip_port: int) -> Iterator[BoxApp]:
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    config = parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "watch": {"ladder_interval_s": 5, "retry_interval_s": 2},
            "search": {
                "subnets": [subnet],
                "username": "admin",
                "password_file": str(folder / "password"),
                "interval_s": 20,
            },
            "device": [
                {
                    "id": "vc",
                    "class": "conference_endpoint",
                    "host": conference,
                    "sip_port": sip_port,
                }
            ],
        },
        where="box.toml",
    )
    fatal: list[str] = []
    app = BoxApp(config, on_fatal=fatal.append, limits=Limits())
    app.start()
    try:
        yield app
    finally:
        app.stop()
        assert fatal == []


def _standing(app: BoxApp, county: RunningCounty, devices: Sequence[Device]) -> tuple[int, ...]:
    at = {known.host: name for name, known in list(app._known.items())}
    identified = [one for one in devices if one.ip in at and _is_identified(app, at[one.ip])]
    live = county.call(lambda: sum(len(one.events.live()) > 0 for one in devices))
    return sum(one.ip in at for one in devices), len(identified), live


def _is_identified(app: BoxApp, name: str) -> bool:
    return _is_reached(app, name) and app.register.knows(name)


def _is_reached(app: BoxApp, name: str) -> bool:
    patient = app.prober._patients.get(name)
    return patient is not None and patient.evidence is not None and patient.evidence.reason is Reason.OK


def _note(timeline: Timeline, at_s: float, standing: tuple[int, ...]) -> None:
    if not timeline.rows or timeline.rows[-1][1] != standing:
        timeline.rows.append((at_s, standing))


def _wrong(timeline: Timeline, app: BoxApp, county: RunningCounty, devices: Sequence[Device]) -> list[str]:
    """What is not as it should be, a line each."""
    lines = [] if timeline.whole else [f"not all under care in time: {timeline.rows[-1:]}"]
    if not _is_reached(app, "vc"):
        lines.append("vc: the conference endpoint of the ledger is not reached")
    at = {known.host: name for name, known in list(app._known.items())}
    for one in devices:
        name = f"{one.name} ({one.personality.model}, {one.kind})"
        slots = county.call(lambda one=one: len(one.events.live()))  # type: ignore[misc]
        if one.ip not in at:
            lines.append(f"{name}: not found")
        elif not _is_identified(app, at[one.ip]):
            patient = app.prober._patients.get(at[one.ip])
            lines.append(f"{name}: {patient.evidence if patient is not None else 'not climbed'}")
        if slots != 1:
            lines.append(f"{name}: {slots} pull points")
        if one.counters["auth_wrong_password"] or county.call(one.users.locked):
            lines.append(f"{name}: a wrong password was sent")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the timeline; exit status 1 when something is wrong."""
    count, limit_s = int(arguments[0]) if arguments else FULL, float((*arguments, "", "")[1] or LIMIT_S)
    timeline = lived(count, limit_s=limit_s)
    print(f"{'s':>7}  " + "  ".join(STEPS))
    for at_s, standing in timeline.rows:
        print(
            f"{at_s:7.1f}  " + "  ".join(f"{n:>{len(step)}}" for n, step in zip(standing, STEPS, strict=True))
        )
    print("\n".join(timeline.wrong) or f"{count} devices under care, no account locked, one slot a device")
    return 1 if timeline.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
