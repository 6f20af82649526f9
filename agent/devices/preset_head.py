"""A head whose presets are checked: where it stands, turned to a preset and back, what it then shows.

Law: a head is in somebody's hands unless it stands still at a preset and no tour runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.upkeep import Upkeep
from agent.devices.upkeep.head import Preset
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Place, PresetSpot
from agent.ports import DeviceAdapter

_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE)
_AT = 0.02
"""As ``upkeep.head.TOLERANCE``: gears give way by a few tenths of a degree."""


class OnvifPresetHead:
    """Implements PresetHead."""

    def __init__(self, upkeep: Upkeep, adapter: DeviceAdapter) -> None:
        self._upkeep = upkeep
        self._adapter = adapter

    def presets(self) -> Sequence[PresetSpot]:
        """See PresetHead."""
        return [PresetSpot(one.token, one.name, one.place) for one in self._presets()]

    def stands_at(self) -> str | None:
        """See PresetHead."""
        if self._touring():
            return None
        bearing = self._upkeep.head.bearing()
        if bearing.moving or bearing.place is None:
            return None
        return _nearest(bearing.place, self._presets())

    def turn_to(self, token: str) -> bool:
        """See PresetHead."""
        try:
            self._upkeep.head.turn_to(token)
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_KEPT:
                raise
            return False
        return True

    def picture(self) -> bytes:
        """See PresetHead."""
        return self._adapter.snapshot()

    def close(self) -> None:
        """See PresetHead."""
        self._upkeep.close()
        self._adapter.close()

    def _presets(self) -> Sequence[Preset]:
        return self._upkeep.head.presets()

    def _touring(self) -> bool:
        try:
            tours = self._upkeep.tours.listed()
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
            return False
        return any(tour.state in ("Touring", "Paused") for tour in tours)


def _nearest(place: Place, presets: Sequence[Preset]) -> str | None:
    near = [one.token for one in presets if one.place is not None and one.place.is_near(place, within=_AT)]
    return near[0] if near else None
