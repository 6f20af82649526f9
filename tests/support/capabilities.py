"""Every recorded device and what comes of it: ``python -m tests.support.capabilities [--write]``.

Each device is served on loopback and asked as the box asks: who it is, how far its ladder goes, its encoders
and its picture read, one number of each changed and read back, its notifications read. A cell is what came of
it: how many settings were read, which one was changed and kept, or the kind of trouble.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from agent.devices import Limits, OnvifRoom
from agent.devices.notifications import Tally, read_told
from agent.devices.settings import DeviceSettings
from agent.errors import DeviceError
from agent.management import Settings, Value
from agent.model import Device, Secret
from protocol.words import DeviceClass
from tests.support.recorded import REPOSITORY, Recorded, recorded_devices, served_and_kept

GOLDEN = REPOSITORY / "tests" / "agent" / "devices" / "golden" / "capabilities.txt"
LIMITS = Limits(total_s=5.0)
NONE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One device. Cells: a figure, a word, or the kind of trouble."""

    name: str
    who: str
    rung: str
    profiles: str
    encoder: str
    encoder_kept: str
    imaging: str
    imaging_kept: str
    time: str
    network: str
    notices: str


_NOTHING = Row(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE)


def row_of(recorded: Recorded) -> Row:
    """Serve one device and ask it everything."""
    notices = _notices(recorded)
    if not recorded.is_device:
        return replace(_NOTHING, name=recorded.name, notices=notices)
    with served_and_kept(recorded) as server:
        device = Device(
            id="recorded",
            device_class=DeviceClass.SMART_CAMERA,
            host=server.host,
            port=server.port,
            username="admin",
            password=Secret("recorded"),
        )
        room = OnvifRoom(limits=LIMITS)
        with contextlib.closing(room.open(device)) as adapter:
            evidence = adapter.climb()
        who = evidence.identity
        with contextlib.closing(room.settings(replace(device, id="settings"))) as settings:
            return Row(
                recorded.name,
                NONE if who is None else f"{who.vendor} {who.model} {who.firmware}",
                f"{evidence.rung}/{evidence.reason}",
                NONE if who is None else str(len(who.profiles)),
                _count(settings, "encoder"),
                _kept(settings, "encoder", ("quality", "fps", "kbps")),
                _count(settings, "imaging"),
                _kept(settings, "imaging", ("brightness", "contrast")),
                _count(settings, "time"),
                _count(settings, "network"),
                notices,
            )


def table() -> str:
    """The whole table as text; equal runs give equal text."""
    folder = Path(os.environ.get("OUTPOST_DATA", REPOSITORY.parent / "shared" / "data")) / "onvif"
    head = Row(
        "device",
        "who",
        "ladder",
        "profiles",
        "encoder",
        "kept",
        "imaging",
        "kept",
        "time",
        "network",
        "events",
    )
    rows = [astuple(head), *(astuple(row_of(recorded)) for recorded in recorded_devices(folder))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


def _count(settings: DeviceSettings, name: str) -> str:
    return _told(lambda: f"{len(settings[name].read())}")


def _kept(settings: DeviceSettings, name: str, candidates: tuple[str, ...]) -> str:
    """Change one number by one step, see everything else stay, and change it back."""

    def change() -> str:
        aspect = settings[name]
        before = aspect.read()
        chosen = _chosen(before, aspect.allowed(), candidates)
        if chosen is None:
            return NONE
        setting, value = chosen
        aspect.write({setting: value})
        assert aspect.read() == {**before, setting: value}
        aspect.write({setting: before[setting]})
        assert aspect.read() == before
        return setting

    return _told(change)


def _chosen(before: Settings, allowed: object, candidates: tuple[str, ...]) -> tuple[str, Value] | None:
    bounds = allowed if isinstance(allowed, dict) else {}
    for setting, value in before.items():
        if setting.rpartition(".")[2] not in candidates or not isinstance(value, int | float):
            continue
        for other in (value - 1, value + 1):
            limit = bounds.get(setting)
            low, high = (0.0, 1e9) if limit is None else (limit.low or 0.0, limit.high or 1e9)
            if low <= other <= high:
                return setting, other
    return None


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except DeviceError as error:
        return error.kind.value


def _notices(recorded: Recorded) -> str:
    """Notifications understood, of known topics, and topics nobody knows."""
    tally, understood = Tally(), 0
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    for path in sorted(recorded.folder.rglob("*.xml")):
        root = etree.fromstring(path.read_bytes().lstrip() or b"<none/>", parser)
        body = None if root is None else root.find("{*}Body")
        content = body[0] if body is not None and len(body) else root
        if content is not None and content.find(".//{*}NotificationMessage") is not None:
            understood += len(read_told(content, now=datetime.now(UTC), tally=tally).notices)
    unknown = sum(count for (kind, _), count in tally.counts().items() if kind == "topic_unknown")
    return f"{understood}+{unknown}" if understood or unknown else NONE


def main() -> int:
    """Print the table; with ``--write`` renew the golden file; 1 when it differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.capabilities")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = table()
    print(text)
    if options.write:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, "utf-8")
    return 0 if GOLDEN.is_file() and GOLDEN.read_text("utf-8") == text else 1


if __name__ == "__main__":
    sys.exit(main())
