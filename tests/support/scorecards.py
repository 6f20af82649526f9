"""The scorecard of every simulated make, as text: ``python -m tests.support.scorecards [--write]``.

All makes are examined at once against one running county; the text is kept as a golden file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.devices import OnvifRoom
from agent.devices.scorecard import Card, Pace
from agent.devices.scorecard.listening import Terms
from agent.model import Device, Secret
from protocol.words import DeviceClass
from simulator.device.personality import PERSONALITIES
from tests.support.virtual_county import RunningCounty, entry, running

GOLDEN = Path(__file__).resolve().parents[1] / "agent" / "devices" / "golden" / "scorecards.txt"
PASSWORD = "pass-word-1"
BRIEF = Pace(terms=Terms(pull_s=1.0, brief_s=0.1))
"""For tests of anything but the long pull."""


def row(county: RunningCounty, name: str, device_class: DeviceClass = DeviceClass.SMART_CAMERA) -> Device:
    """The ledger's row of a simulated device."""
    device = county.device(name)
    return Device(
        id=name,
        device_class=device_class,
        host=device.ip,
        port=device.http_port,
        username="admin",
        password=Secret(PASSWORD),
    )


def cards(county: RunningCounty, names: Iterable[str], *, pace: Pace | None = None) -> Mapping[str, Card]:
    """The cards of several devices, each examined by a room of its own, all at once."""
    listed = list(names)
    with ThreadPoolExecutor(len(listed)) as pool:
        made = pool.map(lambda name: OnvifRoom().examine(row(county, name), pace=pace), listed)
        return dict(zip(listed, made, strict=True))


def text_of(told: Mapping[str, Card]) -> str:
    """The golden text: one block a make, one line a trial; no time, no address."""
    lines = []
    for name, card in told.items():
        identity = card.identity
        lines.append(f"{name}: {identity.vendor} {identity.model} {identity.firmware}")
        lines += [
            f"  {one.verdict:<11} {one.trial:<15} {one.claims:<22} -> {one.does:<40} {one.evidence}".rstrip()
            for one in card.marks
        ]
        learned = ", ".join(f"{habit}={value:g}" for habit, value in sorted((card.habits or {}).items()))
        lines += [f"  learned: {learned or '-'}", ""]
    return "\n".join(lines)


def table() -> str:
    """Every make's card."""
    with running(*(entry(name, personality=name) for name in PERSONALITIES)) as county:
        return text_of(cards(county, PERSONALITIES))


def main() -> int:
    """Print the cards; with ``--write`` renew the golden file; 1 when it differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.scorecards")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = table()
    print(text)
    if options.write:
        GOLDEN.write_text(text, "utf-8")
    return 0 if GOLDEN.is_file() and GOLDEN.read_text("utf-8") == text else 1


if __name__ == "__main__":
    sys.exit(main())
