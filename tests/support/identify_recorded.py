"""Identifies every recorded device and prints the table: ``python -m tests.support.identify_recorded``.

Exit status 1 when a device is neither identified nor explained.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.devices import Limits, identify
from agent.model import Device, Identity, Secret
from protocol.words import DeviceClass
from tests.support.recorded import REPOSITORY, Recorded, recorded_devices, served

EVENTS_ALONE = "只录了事件，没有设备应答 / events alone were recorded, no answers of the device"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recorded device: who it is, or why that cannot be told."""

    recorded: Recorded
    identity: Identity | None
    reason: str

    @property
    def settled(self) -> bool:
        """Identified with make, model, firmware and profiles, or the reason is given."""
        who = self.identity
        complete = who is not None and bool(who.vendor and who.model and who.firmware and who.profiles)
        return complete or bool(self.reason)


def identified(recorded: Recorded) -> Outcome:
    """Serve one device and ask who it is."""
    if not recorded.is_device:
        return Outcome(recorded, None, EVENTS_ALONE)
    with served(recorded) as server:
        device = Device(
            id="recorded",
            device_class=DeviceClass.SMART_CAMERA,
            host=server.host,
            port=server.port,
            username="admin",
            password=Secret("recorded"),
        )
        told = identify(device, limits=Limits(total_s=5.0))
    return Outcome(recorded, None, told) if isinstance(told, str) else Outcome(recorded, told, "")


def main() -> int:
    """Print the table; the exit status."""
    data = Path(os.environ.get("OUTPOST_DATA", REPOSITORY.parent / "shared" / "data")) / "onvif"
    if not data.is_dir():
        print(f"没有录制数据 no recordings: {data} (OUTPOST_DATA)", file=sys.stderr)
        return 2
    outcomes = [identified(recorded) for recorded in recorded_devices(data)]
    for outcome in outcomes:
        _print(outcome)
    told = sum(outcome.identity is not None for outcome in outcomes)
    open_ones = [outcome.recorded.name for outcome in outcomes if not outcome.settled]
    print(f"\n{len(outcomes)} 台 devices: {told} 已识别 identified, {len(outcomes) - told} 有原因 explained")
    if open_ones:
        print(f"未识别也无原因 neither identified nor explained: {', '.join(open_ones)}")
    return 1 if open_ones else 0


def _print(outcome: Outcome) -> None:
    who, name = outcome.identity, outcome.recorded.name
    print(f"\n{name}")
    if who is None:
        print(f"  原因 reason    {outcome.reason}")
        return
    print(f"  厂商 vendor    {who.vendor}\n  型号 model     {who.model}\n  固件 firmware  {who.firmware}")
    for number, profile in enumerate(who.profiles):
        print(f"  {'码流 profiles' if number == 0 else '             '}  {profile}")


if __name__ == "__main__":
    sys.exit(main())
