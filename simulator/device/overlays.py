"""Decides which texts a device writes into its picture, and which it takes."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 4
LONGEST_TEXT = 60
POSITIONS = ("UpperLeft", "UpperRight", "LowerLeft", "LowerRight", "Custom")
KINDS = ("Plain", "Date", "Time", "DateAndTime")
FONT_SIZES = (16, 64)


@dataclass(frozen=True, slots=True)
class Overlay:
    """One OSD. ``text`` counts for kind Plain; ``x`` and ``y`` (-1 to 1) for position Custom."""

    token: str
    kind: str
    position: str
    text: str = ""
    font_size: int = 32
    x: float = 0.0
    y: float = 0.0


def factory() -> dict[str, Overlay]:
    """What most cameras come with: the time on top, their own name below."""
    clock = Overlay("OSD_time", "DateAndTime", "UpperLeft")
    name = Overlay("OSD_name", "Plain", "LowerRight", text="Camera 01")
    return {clock.token: clock, name.token: name}


def refused(overlay: Overlay) -> str:
    """Why a device does not take it; "" when it does."""
    if overlay.kind not in KINDS:
        return f"Type {overlay.kind}"
    if overlay.position not in POSITIONS:
        return f"Position {overlay.position}"
    if len(overlay.text) > LONGEST_TEXT:
        return f"PlainText longer than {LONGEST_TEXT}"
    low, high = FONT_SIZES
    return "" if low <= overlay.font_size <= high else f"FontSize {overlay.font_size}"
