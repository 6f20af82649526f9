"""The moving head of a dome: presets, home, where it looks. Every move is a write and ends by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.devices import sentences
from agent.devices.redact import quoted
from agent.devices.settings.surface import named
from agent.devices.soap import child, child_text, local_name
from agent.devices.upkeep import head_sentences
from agent.devices.upkeep.proof import Proof, Seen, until
from agent.devices.upkeep.ptz import Ptz, place_of
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Place

TURN_S = 30.0
"""The slowest recorded domes turn once round in twenty seconds."""
TOLERANCE = 0.02
"""Two hundredths of an axis, 3.6 degrees of a full circle: gears give way by a few tenths."""
_LOOK_EVERY_S = 0.5
_MOST_PRESETS = 512


@dataclass(frozen=True, slots=True)
class Preset:
    """A place the head knows. ``place`` is None when the device does not tell where it is."""

    token: str
    name: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where the head looks, in ONVIF's generic spaces: pan and tilt -1 to 1, zoom 0 to 1."""

    pan: float
    tilt: float
    zoom: float
    moving: bool
    told: bool = True
    """False: the device does not tell where it looks; the figures mean nothing."""

    @property
    def place(self) -> Place | None:
        """Where it looks, None when not told."""
        return Place(self.pan, self.tilt, self.zoom) if self.told else None


class Head:
    """PTZ of one device. All raise DeviceError; NOT_SUPPORTED for a fixed camera."""

    def __init__(self, ptz: Ptz, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._ptz = ptz
        self._surface = ptz.surface
        self._pause = pause
        self._home: Place | None = None
        """Where the head stood at ``set_home``."""

    def presets(self) -> tuple[Preset, ...]:
        """All presets in the device's order."""
        with self._surface.lock:
            return self._presets()

    def bearing(self) -> Bearing:
        """Where it looks now."""
        with self._surface.lock:
            status = child(self._ptz.ask("GetStatus"), "PTZStatus")
        place = place_of(child(status, "Position"))
        words = (child_text(status, "MoveStatus", part) for part in ("PanTilt", "Zoom"))
        moving = "MOVING" in words
        if place is None:
            return Bearing(0.0, 0.0, 0.0, moving, told=False)
        return Bearing(place.pan, place.tilt, place.zoom, moving)

    def go_to(self, token: str) -> None:
        """Turn to a preset."""
        with self._surface.lock:
            self._ptz.require_writable("GotoPreset")
            self._require_preset(token)
            self._ptz.write("GotoPreset", named("ptz", "PresetToken", token))

    def turn_to(self, token: str) -> Bearing:
        """Turn to a preset and see that the head is there: where it looks then. Waits up to ``TURN_S``.

        Raises DeviceError NOT_KEPT when it is elsewhere (a stuck head), NOT_SUPPORTED when it has turned, as
        far as anybody knows, but neither preset nor status tells a place.
        """
        with self._surface.lock:
            self._ptz.require_writable("GotoPreset")
            preset = self._require_preset(token)
        wanted = preset.place
        self.go_to(token)

        def look() -> tuple[Bearing, Place]:
            bearing = self.bearing()
            if wanted is None or bearing.place is None:
                detail = head_sentences.place_not_told(self._surface.where, token)
                raise self._surface.error(DeviceTrouble.NOT_SUPPORTED, detail)
            return bearing, wanted

        bearing, place = self._until(look, lambda seen: _stands_at(*seen))
        if not _stands_at(bearing, place):
            at = "-" if bearing.place is None else _figures(bearing.place)
            detail = head_sentences.not_turned(self._surface.where, token, _figures(place), at)
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return bearing

    def go_home(self) -> Proof:
        """Turn to the home position. COMPARED when ``set_home`` saw where that is and the head is there now;
        ONVIF has no question for it.

        Raises DeviceError NOT_KEPT when the head is elsewhere after ``TURN_S``: it is stuck, or the home that
        was set was not kept.
        """
        with self._surface.lock:
            self._ptz.write("GotoHomePosition")
        home = self._home
        if home is None:
            return Proof.NOT_COMPARABLE
        bearing = self._until(self.bearing, lambda seen: seen.place is None or _stands_at(seen, home))
        if bearing.place is None:
            return Proof.NOT_COMPARABLE
        if not _stands_at(bearing, home):
            detail = head_sentences.not_home(self._surface.where, _figures(home), _figures(bearing.place))
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return Proof.COMPARED

    def set_home(self) -> None:
        """Make the present view the home position. Only ``go_home`` shows whether it was kept: what would
        prove it here turns the camera away."""
        self._ptz.require_writable("SetHomePosition")
        self._home = None
        standing = self._standing()
        with self._surface.lock:
            self._ptz.write("SetHomePosition")
        self._home = standing

    def _standing(self) -> Place | None:
        """Where the head stands; None when it moves or nobody knows."""
        try:
            bearing = self.bearing()
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            return None
        return None if bearing.moving else bearing.place

    def _until(self, look: Callable[[], Seen], done: Callable[[Seen], bool]) -> Seen:
        return until(look, done, within_s=TURN_S, every_s=_LOOK_EVERY_S, pause=self._pause)

    def store(self, name: str) -> Preset:
        """Remember the present view under a name; the preset as the device lists it afterwards."""
        with self._surface.lock:
            self._ptz.require_writable("SetPreset")
            before = {preset.token for preset in self._presets()}
            answer = self._ptz.write("SetPreset", named("ptz", "PresetName", name))
            token = child_text(answer, "PresetToken")
            made = [one for one in self._presets() if one.token == token or one.token not in before]
            if not made:
                lost = sentences.not_kept(self._surface.where, [f"SetPreset: {name}"])
                raise self._surface.error(DeviceTrouble.NOT_KEPT, lost)
            return made[0]

    def forget(self, token: str) -> None:
        """Take a preset away."""
        with self._surface.lock:
            self._ptz.require_writable("RemovePreset")
            self._require_preset(token)
            self._ptz.write("RemovePreset", named("ptz", "PresetToken", token))
            if any(one.token == token for one in self._presets()):
                left = sentences.not_kept(self._surface.where, [f"RemovePreset: {token}"])
                raise self._surface.error(DeviceTrouble.NOT_KEPT, left)

    def stop(self) -> None:
        """Stand still."""
        with self._surface.lock:
            self._ptz.write("Stop", named("ptz", "PanTilt", "true"), named("ptz", "Zoom", "true"))

    def _presets(self) -> tuple[Preset, ...]:
        nodes = [node for node in self._ptz.ask("GetPresets") if local_name(node) == "Preset"]
        return tuple(
            Preset(token, quoted(child_text(node, "Name"), longest=64), place_of(child(node, "PTZPosition")))
            for node in nodes[:_MOST_PRESETS]
            if (token := (node.get("token") or "").strip())
        )

    def _require_preset(self, token: str) -> Preset:
        there = self._presets()
        found = next((one for one in there if one.token == token), None)
        if found is None:
            listed = ", ".join(f"{one.token}={one.name}" for one in there[:40]) or "-"
            detail = sentences.no_preset(self._surface.where, token, listed)
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
        return found


def _stands_at(bearing: Bearing, place: Place) -> bool:
    there = bearing.place
    return not bearing.moving and there is not None and there.is_near(place, within=TOLERANCE)


def _figures(place: Place) -> str:
    return f"{place.pan:g}, {place.tilt:g}, {place.zoom:g}"
