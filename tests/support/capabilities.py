"""Every recorded device and what comes of it: ``python -m tests.support.capabilities [--write]``.

Each device is served on loopback and asked as the box asks: who it is, how far its ladder goes, its encoders
and its picture read, one number of each changed and read back, its accounts, presets, relays, a snapshot, its
notifications read (understood + of unknown topics). A cell is what came of it: how many were read, which one
was changed and kept, or the kind of trouble. ``not_supported`` is what the device itself says, and
``not recorded`` means that the recording has no answer to what was asked.
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
from agent.devices.upkeep import Upkeep
from agent.errors import DeviceError
from agent.management import Settings, Value
from agent.model import Device, Evidence, Secret
from agent.ports import DeviceAdapter
from protocol.words import DeviceClass
from tests.support.recorded import REPOSITORY, Recorded, recorded_devices, served_and_kept

GOLDEN = REPOSITORY / "tests" / "agent" / "devices" / "golden" / "capabilities.txt"
LIMITS = Limits(total_s=5.0)
NONE = "-"
NOT_RECORDED = "not recorded"
EVENTS_ONLY = "(events only: the folder holds notifications, no answers of a device)"


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
    osd: str
    time: str
    network: str
    io: str
    users: str
    presets: str
    snapshot: str
    notices: str


_HEAD = Row(
    "device",
    "who",
    "ladder",
    "profiles",
    "encoder",
    "kept",
    "imaging",
    "kept",
    "osd",
    "time",
    "network",
    "io",
    "users",
    "presets",
    "snapshot",
    "events",
)


@dataclass(frozen=True, slots=True)
class Asking:
    """One served recording being asked. ``unrecorded``: operations it was asked for and has no answer to."""

    settings: DeviceSettings
    upkeep: Upkeep
    adapter: DeviceAdapter
    unrecorded: set[str]

    def count(self, aspect: str) -> str:
        """How many settings an aspect has."""
        return self.told(lambda: f"{len(self.settings[aspect].read())}")

    def told(self, ask: Callable[[], str]) -> str:
        """A cell: what came of it. A refusal is the device's own only where the recording has an answer."""
        try:
            return ask()
        except DeviceError as error:
            nowhere = {"GetServices", "GetCapabilities"} <= self.unrecorded
            if nowhere or any(operation in error.detail for operation in self.unrecorded):
                return NOT_RECORDED
            return error.kind.value

    def kept(self, name: str, candidates: tuple[str, ...]) -> str:
        """Change one number by one step, see everything else stay, and change it back."""

        def change() -> str:
            aspect = self.settings[name]
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

        return self.told(change)


def row_of(recorded: Recorded) -> Row:
    """Serve one device and ask it everything."""
    notices = _notices(recorded)
    if not recorded.is_device:
        empty = Row(*("" for _ in astuple(_HEAD)))
        return replace(empty, name=recorded.name, who=EVENTS_ONLY, notices=notices)
    unrecorded: set[str] = set()
    with served_and_kept(recorded, unrecorded) as server:
        device = Device(
            id="recorded",
            device_class=DeviceClass.SMART_CAMERA,
            host=server.host,
            port=server.port,
            username="admin",
            password=Secret("recorded"),
        )
        room = OnvifRoom(limits=LIMITS)
        with (
            contextlib.closing(room.open(device)) as adapter,
            contextlib.closing(room.settings(replace(device, id="settings"))) as settings,
            contextlib.closing(room.upkeep(replace(device, id="upkeep"))) as upkeep,
        ):
            return _row(
                recorded.name, adapter.climb(), Asking(settings, upkeep, adapter, unrecorded), notices
            )


def _row(name: str, evidence: Evidence, asking: Asking, notices: str) -> Row:
    who, upkeep = evidence.identity, asking.upkeep
    return Row(
        name,
        NONE if who is None else f"{who.vendor} {who.model} {who.firmware}",
        f"{evidence.rung}/{evidence.reason}",
        NONE if who is None else str(len(who.profiles)),
        asking.count("encoder"),
        asking.kept("encoder", ("quality", "fps", "kbps")),
        asking.count("imaging"),
        asking.kept("imaging", ("brightness", "contrast")),
        asking.count("osd"),
        asking.count("time"),
        asking.count("network"),
        asking.count("io"),
        asking.told(lambda: str(len(upkeep.accounts.all()))),
        asking.told(lambda: str(len(upkeep.head.presets()))),
        asking.told(lambda: "ok" if asking.adapter.snapshot() else NONE),
        notices,
    )


def table() -> str:
    """The whole table as text; equal runs give equal text."""
    folder = Path(os.environ.get("OUTPOST_DATA", REPOSITORY.parent / "shared" / "data")) / "onvif"
    rows = [astuple(_HEAD), *(astuple(row_of(recorded)) for recorded in recorded_devices(folder))]
    columns = range(len(rows[0]))
    # The sentence about a folder of events runs over the columns it has nothing for.
    widths = [max(len(row[column]) for row in rows if row[column] != EVENTS_ONLY) for column in columns]
    return "".join(_line(row, widths).rstrip() + "\n" for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    if EVENTS_ONLY not in row:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    upto_last = sum(widths[:-1]) + 2 * (len(widths) - 1)
    return f"{row[0].ljust(widths[0])}  {row[1]}".ljust(upto_last) + row[-1]


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


def _notices(recorded: Recorded) -> str:
    """Notifications understood, of known topics, and topics nobody knows."""
    tally, understood = Tally(), 0
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    for path in sorted(recorded.folder.rglob("*.xml")):
        root = etree.fromstring(path.read_bytes().lstrip() or b"<none/>", parser)
        messages = () if root is None else root.iter("{*}NotificationMessage")
        for content in dict.fromkeys(each.getparent() for each in messages):
            if content is not None:
                understood += len(read_told(content, now=datetime.now(UTC), tally=tally).notices)
    unknown = tally.total("topic_unknown")
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
