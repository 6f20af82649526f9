"""Decides the invented serial, MAC and UUID of a device.

Law: the same name always gives the same identity, and no serial belongs to a device that was ever sold.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from zlib import crc32

from simulator.device.personality import Personality

_NAMESPACE = uuid.UUID("6f1b0a1e-3c5d-5c8e-9d0a-0f7a4b1c2d3e")


@dataclass(frozen=True, slots=True)
class Identity:
    """What GetDeviceInformation, GetNetworkInterfaces and WS-Discovery tell of a device."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware_id: str
    mac: str
    uuid: str


def invented(name: str, personality: Personality, *, ptz: bool, recorder: bool) -> Identity:
    """The identity of the device `name`; the channels of one recorder pass the recorder's name."""
    number = crc32(name.encode()) % 1_000_000_000
    model = _model(personality, ptz=ptz, recorder=recorder)
    mac = f"{personality.mac_prefix}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    serial = personality.serial.format(model=model, number=number, mac=mac.replace(":", "").upper())
    return Identity(
        manufacturer=personality.manufacturer,
        model=model,
        firmware=personality.firmware,
        serial=serial,
        hardware_id=personality.hardware_id.format(model=model, mac=mac.replace(":", "").upper()),
        mac=mac,
        uuid=str(uuid.uuid5(_NAMESPACE, name)),
    )


def _model(personality: Personality, *, ptz: bool, recorder: bool) -> str:
    if recorder:
        return personality.recorder_model
    return personality.dome_model if ptz else personality.model
