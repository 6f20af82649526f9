"""The moving head of a dome: presets, home, where it looks. Every move is a write and ends by itself."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from agent.devices import sentences
from agent.devices.redact import quoted
from agent.devices.settings.surface import Surface, named, tokens
from agent.devices.soap import child, child_text, local_name
from agent.errors import DeviceTrouble


@dataclass(frozen=True, slots=True)
class Preset:
    """A place the head knows."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where the head looks, in ONVIF's generic spaces: pan and tilt -1 to 1, zoom 0 to 1."""

    pan: float
    tilt: float
    zoom: float
    moving: bool


class Head:
    """PTZ of one device. All raise DeviceError; NOT_SUPPORTED for a fixed camera."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._profile: str | None = None

    def presets(self) -> tuple[Preset, ...]:
        """All presets in the device's order."""
        with self._surface.lock:
            return self._presets()

    def bearing(self) -> Bearing:
        """Where it looks now."""
        with self._surface.lock:
            status = child(self._asked("GetStatus"), "PTZStatus")
        place = child(status, "Position")
        pan_tilt, zoom = child(place, "PanTilt"), child(place, "Zoom")
        words = (child_text(status, "MoveStatus", part) for part in ("PanTilt", "Zoom"))
        return Bearing(_number(pan_tilt, "x"), _number(pan_tilt, "y"), _number(zoom, "x"), "MOVING" in words)

    def go_to(self, token: str) -> None:
        """Turn to a preset."""
        with self._surface.lock:
            self._require_writable("GotoPreset")
            self._require_preset(token)
            self._written("GotoPreset", named("ptz", "PresetToken", token))

    def go_home(self) -> None:
        """Turn to the home position."""
        with self._surface.lock:
            self._written("GotoHomePosition")

    def set_home(self) -> None:
        """Make the present view the home position."""
        with self._surface.lock:
            self._written("SetHomePosition")

    def store(self, name: str) -> Preset:
        """Remember the present view under a name; the preset as the device lists it afterwards."""
        with self._surface.lock:
            self._require_writable("SetPreset")
            before = {preset.token for preset in self._presets()}
            answer = self._written("SetPreset", named("ptz", "PresetName", name))
            token = child_text(answer, "PresetToken")
            made = [one for one in self._presets() if one.token == token or one.token not in before]
            if not made:
                lost = sentences.not_kept(self._surface.where, [f"SetPreset: {name}"])
                raise self._surface.error(DeviceTrouble.NOT_KEPT, lost)
            return made[0]

    def forget(self, token: str) -> None:
        """Take a preset away."""
        with self._surface.lock:
            self._require_writable("RemovePreset")
            self._require_preset(token)
            self._written("RemovePreset", named("ptz", "PresetToken", token))
            if any(one.token == token for one in self._presets()):
                left = sentences.not_kept(self._surface.where, [f"RemovePreset: {token}"])
                raise self._surface.error(DeviceTrouble.NOT_KEPT, left)

    def stop(self) -> None:
        """Stand still."""
        with self._surface.lock:
            self._written("Stop", named("ptz", "PanTilt", "true"), named("ptz", "Zoom", "true"))

    def _presets(self) -> tuple[Preset, ...]:
        nodes = [node for node in self._asked("GetPresets") if local_name(node) == "Preset"]
        return tuple(
            Preset(token, quoted(child_text(node, "Name"), longest=64))
            for node in nodes
            if (token := (node.get("token") or "").strip())
        )

    def _require_preset(self, token: str) -> None:
        there = self._presets()
        if all(one.token != token for one in there):
            listed = ", ".join(f"{one.token}={one.name}" for one in there) or "-"
            detail = sentences.no_preset(self._surface.where, token, listed)
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _written(self, operation: str, *parts: etree._Element) -> etree._Element:
        self._require_writable(operation)
        return self._asked(operation, *parts)

    def _require_writable(self, operation: str) -> None:
        if not self._surface.writable:
            detail = sentences.read_only(self._surface.where, operation)
            raise self._surface.error(DeviceTrouble.READ_ONLY, detail)

    def _asked(self, operation: str, *parts: etree._Element) -> etree._Element:
        """A question about the first profile with a head; an empty list is an answer here."""
        surface = self._surface
        if not surface.has("ptz"):
            raise surface.error(DeviceTrouble.NOT_SUPPORTED, sentences.not_supported(surface.where, "PTZ"))
        if self._profile is None:
            answer = surface.ask("media", "GetProfiles")
            moving = tokens(one for one in answer if child(one, "PTZConfiguration") is not None)
            profiles = moving or tokens(answer)
            if not profiles:
                raise surface.error(DeviceTrouble.NOT_SUPPORTED, sentences.no_profiles(surface.where))
            self._profile = profiles[0]
        profile = named("ptz", "ProfileToken", self._profile)
        return surface.ask("ptz", operation, profile, *parts, may_be_empty=True)


def _number(node: etree._Element | None, attribute: str) -> float:
    try:
        return float("0" if node is None else node.get(attribute, "0"))
    except ValueError:
        return 0.0
