"""What a camera's topic means: the table from ONVIF and vendor topics to the county's scene topics.

Law: a topic that could identify somebody is dropped here, before its values are read; a topic nobody
knows is counted by name and otherwise left alone.
Sources: ONVIF Core and Analytics annexes, recorded answers, and the vendor lists of onvif-parsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.words import FORBIDDEN_TOPICS, SceneTopic

_STANDARD_NAMESPACES: Final = ("http://www.onvif.org/ver10/topics",)
_VENDOR_PREFIXES: Final[Mapping[str, str]] = {
    "http://www.axis.com/2009/event/topics": "tnsaxis",
    "http://www.hikvision.com/2011/event/topics": "tnshik",
}
_LONGEST: Final = 128


class Shape(Enum):
    """How the data of a topic is read."""

    STATE = "state"
    """A boolean item says whether it is so now."""
    PULSE = "pulse"
    """The message itself is what happened."""
    COUNT = "count"
    """A number since the last reset."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a topic is to the county, and in which data items (first that is there) its value stands."""

    topic: SceneTopic
    items: tuple[str, ...]
    shape: Shape = Shape.STATE


_STATE = ("State", "IsMotion", "Value", "motion", "active", "LogicalState")

_EXACT: Final[Mapping[str, Meaning]] = {
    "VideoSource/MotionAlarm": Meaning(SceneTopic.MOTION, _STATE),
    "RuleEngine/CellMotionDetector/Motion": Meaning(SceneTopic.MOTION, ("IsMotion", *_STATE)),
    "RuleEngine/MotionRegionDetector/Motion": Meaning(SceneTopic.MOTION, _STATE),
    "RuleEngine/CellMotionDetector/People": Meaning(SceneTopic.MOTION, ("IsPeople", *_STATE)),  # Tapo
    "RuleEngine/PeopleDetector/People": Meaning(SceneTopic.MOTION, ("IsPeople", *_STATE)),  # Tapo
    "RuleEngine/CellMotionDetector/Vehicle": Meaning(SceneTopic.MOTION, ("IsVehicle", *_STATE)),  # Tapo
    "RuleEngine/CellMotionDetector/TpSmartEvent": Meaning(  # Tapo
        SceneTopic.MOTION, ("IsPeople", "IsVehicle", "IsPet", "IsTPSmartEvent", *_STATE)
    ),
    "RuleEngine/TPSmartEventDetector/TPSmartEvent": Meaning(  # Tapo
        SceneTopic.MOTION, ("IsPeople", "IsVehicle", "IsPet", "IsTPSmartEvent", *_STATE)
    ),
    "RuleEngine/MyRuleDetector/PeopleDetect": Meaning(SceneTopic.MOTION, _STATE),  # Reolink
    "RuleEngine/MyRuleDetector/VehicleDetect": Meaning(SceneTopic.MOTION, _STATE),  # Reolink
    "RuleEngine/MyRuleDetector/DogCatDetect": Meaning(SceneTopic.MOTION, _STATE),  # Reolink
    "RuleEngine/CellMotionDetector/Tamper": Meaning(SceneTopic.TAMPER, ("IsTamper", *_STATE)),  # Tapo
    "RuleEngine/TamperDetector/Tamper": Meaning(SceneTopic.TAMPER, ("IsTamper", *_STATE)),
    "RuleEngine/CellMotionDetector/LineCross": Meaning(  # Tapo
        SceneTopic.LINE_CROSSED, ("IsLineCross", *_STATE)
    ),
    "RuleEngine/LineDetector/Crossed": Meaning(SceneTopic.LINE_CROSSED, (), Shape.PULSE),
    "RuleEngine/CellMotionDetector/Intrusion": Meaning(  # Tapo
        SceneTopic.OBJECTS_INSIDE, ("IsIntrusion", *_STATE)
    ),
    "RuleEngine/FieldDetector/ObjectsInside": Meaning(SceneTopic.OBJECTS_INSIDE, ("IsInside", *_STATE)),
    "RuleEngine/CountAggregation/Counter": Meaning(SceneTopic.COUNTER, ("Count", "Value"), Shape.COUNT),
    "VideoSource/SignalLoss": Meaning(SceneTopic.SIGNAL_LOSS, _STATE),
    "Device/Trigger/DigitalInput": Meaning(SceneTopic.DIGITAL_INPUT, ("LogicalState", *_STATE)),
    "Device/Trigger/tnshik:AlarmIn": Meaning(SceneTopic.DIGITAL_INPUT, _STATE),
}
_BY_START: Final[Mapping[str, Meaning]] = {
    "VideoSource/GlobalSceneChange/": Meaning(SceneTopic.SCENE_CHANGE, _STATE),
    "VideoSource/ImageTooDark/": Meaning(SceneTopic.TOO_DARK, _STATE),
    "VideoSource/ImageTooBright/": Meaning(SceneTopic.TOO_BRIGHT, _STATE),
    "VideoSource/ImageTooBlurry/": Meaning(SceneTopic.TOO_BLURRY, _STATE),
    "tnsaxis:CameraApplicationPlatform/VMD/": Meaning(SceneTopic.MOTION, ("active", *_STATE)),  # VMD 4
    "RuleEngine/tnsaxis:VMD3/": Meaning(SceneTopic.MOTION, ("active", *_STATE)),
    "VideoSource/tnsaxis:Tampering": Meaning(SceneTopic.TAMPER, (), Shape.PULSE),
}
"""Topics whose last step names the service or profile that saw it."""


def normalised(said: str, namespaces: Mapping[str | None, str]) -> str:
    """A topic as the table spells it: no white space, no trailing ``/.``, no prefix but a vendor's own.

    ``namespaces`` are those in force at the Topic element; some makes prefix every step, some only the
    first, and the prefix is theirs to choose.
    """
    steps = [_step(step.strip(), namespaces) for step in said.strip()[:_LONGEST].split("/")]
    return "/".join(step for step in steps if step not in ("", "."))


def meaning(topic: str) -> Meaning | None:
    """What a normalised topic means to the county; None when it is not of the scene, or unknown."""
    exact = _EXACT.get(topic)
    if exact is not None:
        return exact
    return next((found for start, found in _BY_START.items() if topic.startswith(start)), None)


def identifies_somebody(topic: str) -> bool:
    """Whether a topic carries faces or plates: nothing of it may be read."""
    bare = topic.replace("tns1:", "").casefold()
    return any(part.casefold() in bare for part in FORBIDDEN_TOPICS) or "recognition" in bare


def _step(step: str, namespaces: Mapping[str | None, str]) -> str:
    prefix, colon, name = step.rpartition(":")
    if not colon:
        return step
    uri = namespaces.get(prefix)
    if uri in _STANDARD_NAMESPACES or prefix == "tns1":
        return name
    return f"{_VENDOR_PREFIXES.get(uri or '', prefix)}:{name}"
