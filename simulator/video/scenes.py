"""Which scenes there are: a place, an hour, who passes in its loop, and what it can be asked to play.

Law: every loop begins and ends with nobody in view, so that loops and actions join without a jump.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.video.model import VideoError

LOOP_S = 20
QUIET_LOOP_S = 12  # a loop in which nobody comes


class Hour(StrEnum):
    """The light a scene stands in."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    INDOOR = "indoor"


@dataclass(frozen=True, slots=True)
class Pass:
    """Somebody's way through the picture.

    `way` is a polyline of foot points in 1280x720 pixels, followed from `at_s` for `seconds` at even speed
    over the ground.
    """

    what: str
    at_s: float
    seconds: float
    way: tuple[tuple[float, float], ...]
    look: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Light that wanders: headlights of a car out of view (`span` are x positions), or a lamp for all."""

    at_s: float
    seconds: float
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in a loop or an action of `seconds`."""

    seconds: int
    passes: tuple[Pass, ...] = ()
    sweeps: tuple[Sweep, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene by name."""

    name: str
    place: str
    hour: Hour
    label: str  # what the camera burns in
    about: str
    loop: Script
    actions: dict[str, Script] = field(default_factory=dict)
    wind: float = 0.0  # how far leaves move, in pixels of 1280x720
    noise: float | None = None  # deviation of brightness in grey levels; None: what the hour brings

    def script(self, action: str | None) -> Script:
        """The loop, or an action; raises KeyError naming the known actions."""
        if action is None:
            return self.loop
        if action not in self.actions:
            known = ", ".join(sorted(self.actions)) or "none"
            raise KeyError(f"场景 {self.name} 没有动作 {action!r} / scene has no such action; known: {known}")
        return self.actions[action]


_QUIET = Script(QUIET_LOOP_S)
_LAMP = Script(6, sweeps=(Sweep(1.0, 4.0),))
_DRIVE_RIGHT = ((-300.0, 452.0), (1580.0, 452.0))
_DRIVE_LEFT = ((1640.0, 560.0), (-360.0, 560.0))
_DOWN_ROAD = ((641.0, 246.0), (880.0, 1010.0))
_NEAR_PAVEMENT = ((-80.0, 662.0), (1360.0, 662.0))
_FAR_PAVEMENT = ((1330.0, 372.0), (-60.0, 372.0))
_INTO_YARD = ((-60.0, 545.0), (340.0, 640.0), (430.0, 1010.0))
_ACROSS_YARD = ((-330.0, 600.0), (1610.0, 560.0))
_BEHIND_TABLE = ((-120.0, 470.0), (330.0, 455.0), (640.0, 450.0), (1000.0, 460.0), (1420.0, 480.0))
_TO_THE_COUNTER = ((-70.0, 470.0), (420.0, 500.0), (600.0, 560.0), (660.0, 1160.0))
_FAR_ROAD = ((-20.0, 462.0), (420.0, 440.0), (900.0, 461.0), (1300.0, 444.0))

_STREET = Script(
    LOOP_S,
    (
        Pass("car", 1.2, 4.4, _DRIVE_RIGHT, look=2),
        Pass("person", 2.2, 15.4, _FAR_PAVEMENT, look=0),  # a jogger
        Pass("car", 6.4, 3.6, _DRIVE_LEFT, look=0),
        Pass("person", 7.6, 10.8, _NEAR_PAVEMENT, look=3),
        Pass("car", 14.2, 4.4, _DRIVE_RIGHT, look=5),
    ),
)
_STREET_ACTIONS = {
    "intruder": Script(12, (Pass("person", 0.6, 10.6, _NEAR_PAVEMENT, look=1),)),
    "car": Script(6, (Pass("car", 0.6, 4.4, _DRIVE_RIGHT, look=2),)),
}
_GATE_ACTIONS = {
    "intruder": Script(8, (Pass("person", 0.4, 7.0, _INTO_YARD, look=1),)),
    "car": Script(6, (Pass("car", 0.6, 4.6, _ACROSS_YARD, look=0),)),
    "light": _LAMP,
}
_HEADLIGHTS = Script(
    LOOP_S,
    sweeps=(
        Sweep(3.0, 3.2, (-500.0, 1800.0)),
        Sweep(9.5, 2.6, (1800.0, -500.0)),
        Sweep(15.0, 3.6, (-500.0, 1800.0)),
    ),
)
_ROAD = Script(
    LOOP_S,
    (
        Pass("car", 0.8, 6.2, _DOWN_ROAD, look=0),
        Pass("car", 8.6, 5.6, _DOWN_ROAD, look=2),
        Pass("car", 13.4, 5.8, _DOWN_ROAD, look=4),
    ),
)
_ROAD_ACTIONS = {
    "intruder": Script(12, (Pass("person", 0.6, 10.4, ((-80.0, 600.0), (1360.0, 640.0)), look=1),)),
    "car": Script(8, (Pass("car", 0.6, 6.2, _DOWN_ROAD, look=3),)),
}
_HALL = Script(
    LOOP_S,
    (
        Pass("person", 1.0, 8.0, _TO_THE_COUNTER, look=0),
        Pass("person", 10.6, 8.2, _TO_THE_COUNTER, look=2),
    ),
)
_HALL_ACTIONS = {"intruder": Script(10, (Pass("person", 0.8, 8.0, _TO_THE_COUNTER, look=1),))}
_ROOM_ACTIONS = {"intruder": Script(10, (Pass("person", 0.6, 8.6, _BEHIND_TABLE, look=3),)), "light": _LAMP}
_WOOD_ACTIONS = {
    "intruder": Script(16, (Pass("person", 0.8, 14.2, ((-60.0, 520.0), (1340.0, 560.0)), look=1),))
}
_LOOKOUT = Script(LOOP_S, (Pass("car", 1.0, 17.5, _FAR_ROAD, look=0),))


def _scene_table() -> tuple[Scene, ...]:
    day, dusk, night, indoor = Hour.DAY, Hour.DUSK, Hour.NIGHT, Hour.INDOOR
    yard = "a yard's gate, nobody comes"
    return (
        Scene(
            "street-day", "street", day, "STREET 01", "a village street, traffic", _STREET, _STREET_ACTIONS
        ),
        Scene("street-dusk", "street", dusk, "STREET 02", "the same at dusk", _STREET, _STREET_ACTIONS),
        Scene("street-night", "street", night, "STREET 03", "the same at night", _STREET, _STREET_ACTIONS),
        Scene("gate-day", "gate", day, "GATE 01", yard, _QUIET, _GATE_ACTIONS),
        Scene("gate-dusk", "gate", dusk, "GATE 02", "the same at dusk", _QUIET, _GATE_ACTIONS),
        Scene("gate-night", "gate", night, "GATE 03", "the same under lamps at night", _QUIET, _GATE_ACTIONS),
        Scene(
            "headlights-night",
            "gate",
            night,
            "GATE 04",
            "headlights pass, nobody is there",
            _HEADLIGHTS,
            _GATE_ACTIONS,
        ),
        Scene(
            "trees-wind",
            "wood",
            day,
            "PARK 01",
            "trees in wind, nobody comes",
            _QUIET,
            _WOOD_ACTIONS,
            wind=9.0,
        ),
        Scene("road-day", "road", day, "CHECKPOINT 01", "cars approach a checkpoint", _ROAD, _ROAD_ACTIONS),
        Scene("meeting-room", "room", indoor, "ROOM 01", "a conference room, empty", _QUIET, _ROOM_ACTIONS),
        Scene("entrance-hall", "hall", indoor, "HALL 01", "people come in", _HALL, _HALL_ACTIONS),
        Scene("lookout-day", "lookout", day, "LOOKOUT 01", "fields and hills, a far road", _LOOKOUT),
    )


SCENES: dict[str, Scene] = {scene.name: scene for scene in _scene_table()}


def scene_named(name: str) -> Scene:
    """A scene; raises VideoError naming those there are."""
    if name not in SCENES:
        raise VideoError(
            f"没有场景 {name!r} / there is no scene {name!r}; known: {', '.join(sorted(SCENES))}"
        )
    return SCENES[name]
