"""Decides which picture settings a device has, their ranges, and what they are from the factory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEVELS: Mapping[str, tuple[float, float]] = {
    "Brightness": (0.0, 100.0),
    "ColorSaturation": (0.0, 100.0),
    "Contrast": (0.0, 100.0),
    "Sharpness": (0.0, 100.0),
}
IR_CUT_FILTER_MODES = ("ON", "OFF", "AUTO")


@dataclass(frozen=True, slots=True)
class Group:
    """A setting with a mode and figures. Exposure times in microseconds, gains in dB."""

    modes: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    factory: Mapping[str, float] = field(default_factory=dict)
    mode_item: str = "Mode"
    modes_option: str = "Mode"
    option_items: Mapping[str, str] = field(default_factory=dict)
    """Items that onvif.xsd names otherwise among the options."""


GROUPS: Mapping[str, Group] = {
    "BacklightCompensation": Group(("OFF", "ON"), {"Level": (0.0, 100.0)}, {"Level": 50.0}),
    "Exposure": Group(
        ("AUTO", "MANUAL"),
        {
            "MinExposureTime": (10.0, 400_000.0),
            "MaxExposureTime": (10.0, 400_000.0),
            "MinGain": (0.0, 100.0),
            "MaxGain": (0.0, 100.0),
            "ExposureTime": (10.0, 400_000.0),
            "Gain": (0.0, 100.0),
        },
        {
            "MinExposureTime": 10.0,
            "MaxExposureTime": 40_000.0,
            "MinGain": 0.0,
            "MaxGain": 100.0,
            "ExposureTime": 10_000.0,
            "Gain": 30.0,
        },
    ),
    "Focus": Group(
        ("AUTO", "MANUAL"),
        {"DefaultSpeed": (1.0, 10.0)},
        {"DefaultSpeed": 5.0},
        mode_item="AutoFocusMode",
        modes_option="AutoFocusModes",
    ),
    "WideDynamicRange": Group(("OFF", "ON"), {"Level": (0.0, 100.0)}, {"Level": 50.0}),
    "WhiteBalance": Group(
        ("AUTO", "MANUAL"),
        {"CrGain": (0.0, 255.0), "CbGain": (0.0, 255.0)},
        {"CrGain": 128.0, "CbGain": 128.0},
        option_items={"CrGain": "YrGain", "CbGain": "YbGain"},
    ),
}


def factory_optics() -> dict[str, dict[str, str | float]]:
    """Every group as a device comes out of the box."""
    return {name: {group.mode_item: group.modes[0], **group.factory} for name, group in GROUPS.items()}
