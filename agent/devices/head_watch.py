"""What a device tells of its head and its tours at one moment: two questions, only where tours are expected.

Law: it only reads. What a make does not have is asked for again after half an hour, not at every look.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.upkeep import Upkeep
from agent.devices.upkeep.tours import Tour
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, HeadSight, Place
from protocol.words import DeviceClass

ANEW_AFTER_LOOKS = 90
"""Presets, and whether there are tours at all: half an hour at one look in twenty seconds."""
_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE)


def longest_stay_s(tour: Tour) -> float:
    """How long the head stands at most at one place of a tour: a preset may come twice, one after the other.
    0 where no stay is told."""
    stays: dict[str, float] = {}
    for spot in tour.spots:
        stays[spot.preset] = stays.get(spot.preset, 0.0) + (spot.stay_s or 0.0)
    return max(stays.values(), default=0.0)


class OnvifHeadWatch:
    """Implements HeadWatch."""

    def __init__(self, upkeep: Upkeep, device: Device) -> None:
        self._upkeep = upkeep
        self._always = device.device_class is DeviceClass.LOOKOUT
        self._looks = 0
        self._has_tours = True
        self._places: dict[str, Place] = {}

    def look(self) -> HeadSight:
        """See HeadWatch. Of a dome without tours nothing but the tours is asked. Ends within
        ``Limits.total_s``."""
        with self._upkeep.bounded():
            return self._seen()

    def _seen(self) -> HeadSight:
        if self._looks % ANEW_AFTER_LOOKS == 0:
            self._has_tours = True
        tours = self._tours() if self._has_tours else ()
        if self._looks % ANEW_AFTER_LOOKS == 0 and tours:
            self._places = self._presets()
        self._looks += 1
        if not tours and not self._always:
            self._has_tours = False
            return HeadSight(None)
        states = [tour.state for tour in tours if tour.state]
        return HeadSight(
            self._place(),
            tours=len(tours),
            touring="Touring" in states if states else None,
            paused="Paused" in states and "Touring" not in states,
            stay_s=max((longest_stay_s(tour) for tour in tours), default=0.0) or None,
            spots=self._spots(tours),
        )

    def close(self) -> None:
        self._upkeep.close()

    def _tours(self) -> Sequence[Tour]:
        try:
            return self._upkeep.tours.listed()
        except DeviceError as error:
            if error.kind not in _NOT_TOLD or (error.kind is DeviceTrouble.BAD_ANSWER and not self._always):
                raise  # a dome that fails to answer has not lost its tours
            self._has_tours = error.kind is not DeviceTrouble.NOT_SUPPORTED
            return ()

    def _presets(self) -> dict[str, Place]:
        try:
            presets = self._upkeep.head.presets()
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
            return {}
        return {preset.token: preset.place for preset in presets if preset.place is not None}

    def _place(self) -> Place | None:
        try:
            return self._upkeep.head.bearing().place
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
            return None

    def _spots(self, tours: Sequence[Tour]) -> tuple[Place, ...]:
        """The places of all spots; none at all when one of them is unknown."""
        presets = {spot.preset for tour in tours for spot in tour.spots}
        if not presets <= self._places.keys():
            return ()
        return tuple(self._places[preset] for preset in sorted(presets))
