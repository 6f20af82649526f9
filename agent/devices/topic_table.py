"""Which topic means what: one row a topic, of every make that was seen.

A key is a normalised topic: no ``tns1:``, a vendor's prefix only where the vendor's part begins. ``*`` stands
for one step (a service, a profile, a channel), ``**`` at the end for any number, ``hik:`` for the prefixes of
the Hikvision family and its relabelled kin. Matched from exact to general, never by the order of rows.
Sources: ONVIF Core, Imaging, Analytics, Device IO; recorded GetEventProperties and PullMessages answers; the
vendor lists of onvif-parsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.words import SceneTopic


class Shape(Enum):
    """How the data of a topic is read."""

    STATE = "state"
    """A boolean item says whether it is so now."""
    PULSE = "pulse"
    """The message itself is what happened."""
    EITHER = "either"
    """A boolean item where there is one, else the message itself."""
    PRESENCE = "presence"
    """A boolean item where there is one; else a property that is there, until it is Deleted; else a pulse."""
    COUNT = "count"
    """A number since the last reset."""
    USAGE = "usage"
    """A share of a whole: in percent, or, by some makes, from 0 to 1."""
    NUMBER = "number"
    MOMENT = "moment"
    """A point in time; 1970 says never."""
    FLAG = "flag"
    """A boolean that is kept, not told."""


SCENE_SHAPES: Final = frozenset({Shape.STATE, Shape.PULSE, Shape.EITHER, Shape.PRESENCE, Shape.COUNT})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a topic is to us.

    ``items``: in which data item, first that is there, the value stands. ``sources``: which source items name
    the lens, input or part it is about; all others stay unread. ``name`` is what a kept value is called.
    """

    shape: Shape
    items: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    topic: SceneTopic | None = None
    name: str = ""
    unit: str = ""


_STATE = ("State", "IsMotion", "Value", "motion", "active", "LogicalState")
_LENS = ("Source", "VideoSourceConfigurationToken", "VideoSourceToken", "VideoSource", "Token", "window")
_INPUT = ("InputToken", "AlarmInToken", "RelayToken", "RelayOutputToken", "Token", "Source", "port")
_PART = ("HardDiskNo", "disk_id", "fan", "Token", "Source", "interface")
_FAILED = ("Failed", "Critical", "disruption", "alert", "fan_failure", "lost", "sensor_level", *_STATE)

_HIK_PREFIXES: Final = ("tnshik:", "tnsn:", "")


def _scene(
    topic: SceneTopic,
    *items: str,
    shape: Shape = Shape.STATE,
    sources: tuple[str, ...] = _LENS,
    more: tuple[str, ...] = _STATE,
) -> Meaning:
    return Meaning(shape, () if shape is Shape.PULSE else (*items, *more), sources, topic)


def _health(topic: SceneTopic, *items: str, sources: tuple[str, ...] = _PART) -> Meaning:
    return Meaning(Shape.EITHER, (*items, *_FAILED), sources, topic)


def _kept(shape: Shape, name: str, *items: str, unit: str = "") -> Meaning:
    return Meaning(shape, items or ("Status", "Value"), ("Token", "Source"), name=name, unit=unit)


_MOTION = _scene(SceneTopic.MOTION)
_STORAGE = _health(SceneTopic.STORAGE_FAILURE)
_ACCESS = Meaning(Shape.PULSE, topic=SceneTopic.ACCESS_REFUSED)
"""Its items are who and from where: none is read."""
_TAPO = ("IsPeople", "IsVehicle", "IsPet", "IsTPSmartEvent")

_ROWS: Final[Mapping[str, Meaning]] = {
    # --- motion -------------------------------------------------------------------------------------
    "VideoSource/MotionAlarm": _MOTION,
    "RuleEngine/CellMotionDetector/Motion": _scene(SceneTopic.MOTION, "IsMotion"),
    "RuleEngine/MotionRegionDetector/Motion": _MOTION,
    "RuleEngine/CellMotionDetector/People": _scene(SceneTopic.MOTION, "IsPeople"),  # Tapo
    "RuleEngine/PeopleDetector/People": _scene(SceneTopic.MOTION, "IsPeople"),  # Tapo
    "RuleEngine/CellMotionDetector/Vehicle": _scene(SceneTopic.MOTION, "IsVehicle"),  # Tapo
    "RuleEngine/CellMotionDetector/TpSmartEvent": _scene(SceneTopic.MOTION, *_TAPO),
    "RuleEngine/TPSmartEventDetector/TPSmartEvent": _scene(SceneTopic.MOTION, *_TAPO),
    "RuleEngine/MyRuleDetector/PeopleDetect": _MOTION,  # Reolink
    "RuleEngine/MyRuleDetector/VehicleDetect": _MOTION,  # Reolink
    "RuleEngine/MyRuleDetector/DogCatDetect": _MOTION,  # Reolink
    "VideoAnalytics/tnsaxis:MotionDetection": _scene(SceneTopic.MOTION, "motion"),  # Axis 5.x
    "tnsaxis:CameraApplicationPlatform/VMD/*": _scene(SceneTopic.MOTION, "active"),  # VMD 4
    "RuleEngine/tnsaxis:VMD3/*": _scene(SceneTopic.MOTION, "active", sources=("areaid", *_LENS)),
    "Device/tnsaxis:Sensor/PIR": _scene(SceneTopic.MOTION, sources=("sensor",)),
    # --- the picture ---------------------------------------------------------------------------------
    "VideoSource/GlobalSceneChange/*": _scene(SceneTopic.SCENE_CHANGE),
    "VideoSource/ImageTooDark/*": _scene(SceneTopic.TOO_DARK),
    "VideoSource/ImageTooBright/*": _scene(SceneTopic.TOO_BRIGHT),
    "VideoSource/ImageTooBlurry/*": _scene(SceneTopic.TOO_BLURRY),
    "VideoSource/SignalLoss": _scene(SceneTopic.SIGNAL_LOSS),
    "VideoSource/ImpairedVisibility": _scene(SceneTopic.IMPAIRED, shape=Shape.EITHER),
    "RuleEngine/TamperDetector/Tamper": _scene(SceneTopic.TAMPER, "IsTamper"),
    "RuleEngine/CellMotionDetector/Tamper": _scene(SceneTopic.TAMPER, "IsTamper"),  # Tapo
    "VideoSource/tnsaxis:Tampering": _scene(SceneTopic.TAMPER, shape=Shape.PULSE, sources=("channel",)),
    "Device/tnsaxis:Tampering/ShockDetected": _scene(
        SceneTopic.TAMPER, shape=Shape.PULSE, sources=("channel",)
    ),
    # --- rules ---------------------------------------------------------------------------------------
    "RuleEngine/LineDetector/Crossed": _scene(SceneTopic.LINE_CROSSED, shape=Shape.PULSE),
    "RuleEngine/CellMotionDetector/LineCross": _scene(SceneTopic.LINE_CROSSED, "IsLineCross"),  # Tapo
    "RuleEngine/FieldDetector/ObjectsInside": _scene(SceneTopic.OBJECTS_INSIDE, "IsInside"),
    "RuleEngine/CellMotionDetector/Intrusion": _scene(SceneTopic.OBJECTS_INSIDE, "IsIntrusion"),  # Tapo
    "RuleEngine/LoiteringDetector/ObjectIsLoitering": _scene(SceneTopic.LOITERING, shape=Shape.PRESENCE),
    "RuleEngine/ObjectAbandoned": _scene(SceneTopic.OBJECT_LEFT, shape=Shape.PRESENCE),
    "RuleEngine/ObjectRemoved": _scene(SceneTopic.OBJECT_REMOVED, shape=Shape.PRESENCE),
    "RuleEngine/ObjectDetection/Object": _scene(SceneTopic.OBJECT_DETECTED, shape=Shape.PRESENCE),
    "RuleEngine/MyRuleDetector/Package": _scene(SceneTopic.OBJECT_LEFT),  # Reolink
    "RuleEngine/MyRuleDetector/Visitor": _scene(SceneTopic.DIGITAL_INPUT),  # Reolink: the bell button
    "RuleEngine/CountAggregation/Counter": _scene(
        SceneTopic.COUNTER, "Count", "Value", shape=Shape.COUNT, more=()
    ),
    "RuleEngine/CountAggregation/OccupancyCounter": _scene(
        SceneTopic.OCCUPANCY, "Count", "Value", shape=Shape.COUNT, more=()
    ),
    "RuleEngine/OccupancyCounter": _scene(SceneTopic.OCCUPANCY, "Count", "Value", shape=Shape.COUNT, more=()),
    # --- inputs and outputs --------------------------------------------------------------------------
    "Device/Trigger/DigitalInput": _scene(SceneTopic.DIGITAL_INPUT, "LogicalState", sources=_INPUT),
    "Device/Trigger/Relay": _scene(SceneTopic.RELAY, "LogicalState", sources=_INPUT),
    "Device/Trigger/hik:AlarmIn": _scene(SceneTopic.DIGITAL_INPUT, sources=_INPUT),
    "Device/tnsaxis:IO/Port": _scene(SceneTopic.DIGITAL_INPUT, "state", sources=_INPUT),
    "Device/IO/Port": _scene(SceneTopic.DIGITAL_INPUT, "state", sources=_INPUT),
    "Device/tnsaxis:IO/OutputPort": _scene(SceneTopic.RELAY, "state", sources=_INPUT),
    # --- what a device says of itself ------------------------------------------------------------------
    "Device/HardwareFailure/StorageFailure": _STORAGE,
    "Device/HardwareFailure/FanFailure": _health(SceneTopic.FAN_FAILURE),
    "Device/HardwareFailure/PowerSupplyFailure": _health(SceneTopic.POWER_FAILURE),
    "Device/HardwareFailure/PowerSupplyFailure/tnsaxis:PTZPowerFailure": _health(SceneTopic.POWER_FAILURE),
    "Device/HardwareFailure/TemperatureCritical": _health(SceneTopic.TEMPERATURE_CRITICAL),
    "Device/HardwareFailure/hik:HardDiskError": _STORAGE,
    "Device/HardwareFailure/hik:HardDiskUnformat": _STORAGE,
    "Device/HardwareFailure/hik:HardDiskFull": _health(SceneTopic.STORAGE_FULL),
    "Device/tnsaxis:HardwareFailure/StorageFailure": _STORAGE,
    "Device/tnsaxis:HardwareFailure/FanFailure": _health(SceneTopic.FAN_FAILURE),
    "tnsaxis:Storage/Alert": _STORAGE,
    "tnsaxis:Storage/Disruption": _STORAGE,
    "Device/tnsaxis:Status/Temperature/Above": _health(SceneTopic.TEMPERATURE_CRITICAL),
    "Device/tnsaxis:Status/Temperature/Below": _health(SceneTopic.TEMPERATURE_CRITICAL),
    "Device/tnsaxis:Status/Temperature/Above_or_below": _health(SceneTopic.TEMPERATURE_CRITICAL),
    "Device/hik:Network/EthernetBroken": _health(SceneTopic.NETWORK_BROKEN),
    "Device/hik:Network/IPAddrConflict": _health(SceneTopic.IP_CONFLICT),
    "Device/tnsaxis:Network/Lost": _health(SceneTopic.NETWORK_BROKEN),
    "Device/tnsaxis:Casing/Open": _health(SceneTopic.CASING_OPEN, "Open", sources=()),
    "Device/SecurityPolicy/AuthFailed": _ACCESS,
    "UserAlarm/hik:IllegalAccess": _ACCESS,
    # --- values that are kept --------------------------------------------------------------------------
    "Monitoring/ProcessorUsage": _kept(Shape.USAGE, "processor_usage", "Value", unit="%"),
    "Monitoring/UploadStatus": _kept(Shape.NUMBER, "upload_progress", "Status", unit="%"),
    "Monitoring/BatteryCapacity": _kept(Shape.NUMBER, "battery", "PercentageRemainingCapacity", unit="%"),
    "Monitoring/EnvironmentalConditions/Temperature": _kept(
        Shape.NUMBER, "temperature", "Status", "Value", unit="°C"
    ),
    "Monitoring/EnvironmentalConditions/RelativeHumidity": _kept(
        Shape.NUMBER, "humidity", "Status", "Value", unit="%"
    ),
    "Monitoring/LinkStatus": _kept(Shape.NUMBER, "link_speed", "Link/Speed", unit="Mbit/s"),
    "Monitoring/OperatingTime/LastReboot": _kept(Shape.MOMENT, "last_reboot"),
    "Monitoring/OperatingTime/LastReset": _kept(Shape.MOMENT, "last_reset"),
    "Monitoring/OperatingTime/LastClockSynchronization": _kept(Shape.MOMENT, "last_clock_sync"),
    "Monitoring/OperatingTime/DefinedLimitReached": _kept(Shape.FLAG, "operating_limit_reached"),
    "Monitoring/OperatingTime/MeanTimeBetweenFailuresDefaultLimitReached": _kept(
        Shape.FLAG, "mtbf_default_reached"
    ),
    "Monitoring/OperatingTime/MeanTimeBetweenFailuresOperationLimitReached": _kept(
        Shape.FLAG, "mtbf_operation_reached"
    ),
    "Monitoring/Maintenance/Last": _kept(Shape.MOMENT, "last_maintenance"),
    "Monitoring/Maintenance/NextScheduled": _kept(Shape.MOMENT, "next_maintenance"),
    "Monitoring/Backup/Last": _kept(Shape.MOMENT, "last_backup"),
    "Monitoring/AsynchronousOperationStatus": _kept(Shape.NUMBER, "operation_progress", "Progress", unit="%"),
    "Monitoring/CloudFirmwareUpgrade/Completed": _kept(Shape.FLAG, "cloud_upgrade_done", "Success"),
}

NOT_OURS: Final = (
    "PTZController/**",  # presets reached and left, moves: asked of the device, not told to the county
    "VideoSource/tnsaxis:PTZ/**",
    "Door/**",  # doors and their locks are another system's
    "AccessControl/**",
    "AccessPoint/**",
    "RecordingConfig/**",
    "RecordingHistory/**",
    "Recording/**",
    "Media/**",
    "MediaControl/**",
    "Configuration/**",
    "Events/**",
    "EventBuffer/**",
    "Advancesecurity/**",
    "Advancedsecurity/**",
    "AudioAnalytics/**",  # no audio, ever
    "AudioSource/**",
    "tnsaxis:AudioControl/**",
    "tnsaxis:MQTT/**",
    "tnsaxis:Storage/Recording",
    "Device/tnsaxis:MQTT/**",
    "Device/tnsaxis:SystemMessage/**",
    "Device/tnsaxis:Network/**",  # addresses come and go; Lost has a row above
    "Device/tnsaxis:IO/**",  # virtual and supervised ports; real ports have rows above
    "Device/tnsaxis:Status/**",
    "Device/tnsaxis:Heater/**",
    "Device/tnsaxis:RingPowerLimitExceeded",
    "UserAlarm/tnsaxis:Recurring/**",
    "VideoSource/tnsaxis:LiveStreamAccessed",
    "VideoSource/tnsaxis:DayNightVision",
    "VideoSource/tnsaxis:ABR",
    "VideoSource/hik:SignalStandardMismatch",
    "Monitoring/Profile/**",
    "Monitoring/GeoLocation",
)
"""Known, and neither told nor kept: no value of them is read."""


def spellings(key: str) -> tuple[str, ...]:
    """The topics a key stands for: ``hik:`` is written in three ways."""
    return tuple(key.replace("hik:", prefix) for prefix in _HIK_PREFIXES) if "hik:" in key else (key,)


MEANINGS: Final[Mapping[str, Meaning]] = {
    spelled: meant for key, meant in _ROWS.items() for spelled in spellings(key)
}
