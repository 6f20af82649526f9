"""How anything about a moving head is asked or written: about the profile that has the head.

Law: a write to a device of class INTEGRATED is refused before anything is sent (invariant 9).
"""

from __future__ import annotations

import re

from lxml import etree

from agent.devices import sentences
from agent.devices.settings.surface import Surface, named, tokens
from agent.devices.soap import child
from agent.errors import DeviceTrouble
from agent.model import Place

_DURATION = re.compile(
    r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_UNIT_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_LONGEST_S = 86_400.0


class Ptz:
    """Questions and writes of one head; the caller holds ``Surface.lock``."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._profile: str | None = None

    def ask(self, operation: str, *parts: etree._Element) -> etree._Element:
        """A question about the profile with the head; an empty list is an answer here. Raises DeviceError,
        NOT_SUPPORTED for a fixed camera."""
        surface = self.surface
        if not surface.has("ptz"):
            raise surface.error(DeviceTrouble.NOT_SUPPORTED, sentences.not_supported(surface.where, "PTZ"))
        if self._profile is None:
            self._profile = self._chosen()
        profile = named("ptz", "ProfileToken", self._profile)
        return surface.ask("ptz", operation, profile, *parts, may_be_empty=True)

    def write(self, operation: str, *parts: etree._Element) -> etree._Element:
        """As ``ask`` for what changes or moves something. Raises DeviceError READ_ONLY with nothing sent."""
        self.require_writable(operation)
        return self.ask(operation, *parts)

    def require_writable(self, operation: str) -> None:
        """Before anything is read for a write. Raises DeviceError READ_ONLY."""
        if not self.surface.writable:
            detail = sentences.read_only(self.surface.where, operation)
            raise self.surface.error(DeviceTrouble.READ_ONLY, detail)

    def _chosen(self) -> str:
        """The first profile with a PTZ configuration, else the first: some makes leave it out."""
        profiles = self.surface.ask("media", "GetProfiles")
        with_head = [node for node in profiles if child(node, "PTZConfiguration") is not None]
        found = tokens(with_head) or tokens(profiles)
        if not found:
            detail = sentences.no_profiles(self.surface.where)
            raise self.surface.error(DeviceTrouble.NOT_SUPPORTED, detail)
        return found[0]


def place_of(vector: etree._Element | None) -> Place | None:
    """A PTZVector; None when it has no pan and tilt, or one that is no number."""
    pan_tilt, zoom = child(vector, "PanTilt"), child(vector, "Zoom")
    if pan_tilt is None:
        return None
    pan, tilt = _number(pan_tilt, "x"), _number(pan_tilt, "y")
    zoomed = 0.0 if zoom is None else _number(zoom, "x")
    return None if pan is None or tilt is None or zoomed is None else Place(pan, tilt, zoomed)


def seconds_of(duration: str) -> float | None:
    """Seconds of an xs:duration, at most a day; None for what is none."""
    match = _DURATION.fullmatch(duration.strip()[:40])
    if match is None or duration.strip() in ("P", "PT"):
        return None
    return min(_LONGEST_S, sum(float(n) * _UNIT_S[unit] for unit, n in match.groupdict().items() if n))


def _number(node: etree._Element, attribute: str) -> float | None:
    try:
        read = float(node.get(attribute, ""))
    except ValueError:
        return None
    return read if abs(read) <= 1e6 else None  # NaN compares false
