"""Which villages the demo has and what stands there, as data.

Towns and their codes are Tongguan's (GB/T 2260 and the county's list); the villages bear place names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a device is: the simulator's word. ``CLASSES`` has the ledger's."""

    CAMERA = "camera"
    PTZ_DOME = "ptz_dome"
    MICRO_CHECKPOINT = "micro_checkpoint"
    FACE_CAPTURE = "face_capture"
    LOOKOUT = "lookout"
    CONFERENCE_ENDPOINT = "conference_endpoint"


@dataclass(frozen=True, slots=True)
class Device:
    """One device. ``name`` with the village's is its ledger id."""

    name: str
    kind: Kind
    device_class: str
    title: str
    scene: str | None = None
    personality: str = "plain"
    zone: tuple[str, tuple[tuple[float, float], ...]] | None = None


@dataclass(frozen=True, slots=True)
class Village:
    """One village with its box. ``number`` is the third octet of its devices' addresses."""

    number: int
    name: str
    title: str
    town: str
    civil_code: str
    devices: tuple[Device, ...]

    @property
    def box(self) -> str:
        return f"{self.name}-box"

    def device_id(self, device: Device) -> str:
        return f"{self.name}-{device.name}"

    def gb_code(self, index: int) -> str:
        """20 digits: unit (8), road security 00, type 132 (IPC), e-government network 6, serial."""
        return f"610522{int(self.civil_code[-3:]) % 100 + 1:02d}00132{6}{self.number:03d}{index:03d}"


YARD: Final = ("院门内 / inside the gate", ((0.05, 0.45), (0.95, 0.45), (1.0, 1.0), (0.0, 1.0)))
"""The closed part of the gate's picture: everything below the wall's foot."""


def _devices(high_place: Device) -> tuple[Device, ...]:
    return (
        Device("gate", Kind.CAMERA, "smart_camera", "村委会大门", "gate-day", "hik-like", YARD),
        Device("yard", Kind.CAMERA, "smart_camera", "村委会院内", "gate-dusk", "dahua-like"),
        high_place,
        Device("square", Kind.PTZ_DOME, "ptz_dome", "文化广场球机", "street-day", "axis-like"),
        Device("checkpoint", Kind.MICRO_CHECKPOINT, "micro_checkpoint", "村口微卡口", "road-day", "hik-like"),
        Device("hall", Kind.FACE_CAPTURE, "face_capture", "便民大厅", "entrance-hall", "dahua-like"),
        Device("road", Kind.CAMERA, "integrated", "主路（公安自建）", "street-dusk"),
        Device("meeting", Kind.CONFERENCE_ENDPOINT, "conference_endpoint", "会议室终端"),
    )


_STREET = Device("street", Kind.CAMERA, "smart_camera", "东街口", "street-dusk", "hik-like")
_LOOKOUT = Device("lookout", Kind.LOOKOUT, "lookout", "塬上瞭望点", "lookout-day", "plain")

VILLAGES: Final = (
    Village(1, "sizhi", "四知村", "秦东镇", "610522101", _devices(_STREET)),
    Village(2, "taiyao", "太要村", "太要镇", "610522102", _devices(_LOOKOUT)),
    Village(3, "tongyu", "桐峪村", "桐峪镇", "610522103", _devices(_STREET)),
)
