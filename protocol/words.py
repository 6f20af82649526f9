"""Words that both sides must spell alike: ladder rungs, reasons, device classes, scene topics.

Closed sets are enums. Open sets (reasons, topics) travel as strings with a pattern, so that a newer
box does not break an older centre: receivers ignore a word they do not know, and show it as it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Rung(StrEnum):
    """The evidence ladder. The first rung that fails, with its reason, is what a human reads."""

    UNREACHABLE = "unreachable"
    REACHABLE = "reachable"
    ONVIF = "onvif"
    AUTHENTICATED = "authenticated"
    STREAMING = "streaming"
    PICTURE_OK = "picture_ok"

    @property
    def height(self) -> int:
        """0 for unreachable to 5 for picture_ok."""
        return RUNGS.index(self)


RUNGS: Final = tuple(Rung)


class DeviceClass(StrEnum):
    """What a device is for (the county's classes), not how it is reached."""

    SMART_CAMERA = "smart_camera"
    PTZ_DOME = "ptz_dome"
    MICRO_CHECKPOINT = "micro_checkpoint"
    FACE_CAPTURE = "face_capture"
    LOOKOUT = "lookout"
    INTEGRATED = "integrated"
    CONFERENCE_ENDPOINT = "conference_endpoint"

    @property
    def top_rung(self) -> Rung:
        """The highest rung this class can reach: a conference endpoint has no ONVIF and no stream."""
        return Rung.REACHABLE if self is DeviceClass.CONFERENCE_ENDPOINT else Rung.PICTURE_OK

    @property
    def writable(self) -> bool:
        """INTEGRATED devices belong to the police and are read only (invariant 9)."""
        return self is not DeviceClass.INTEGRATED


class Reason(StrEnum):
    """Why a device is not at its top rung, named after what the operator does next."""

    OK = "ok"
    STARTING = "starting"
    """Not judged yet since the box or the device was added."""
    UNREACHABLE = "unreachable"
    """No TCP answer: check power, cable, address."""
    OTHER_DEVICE = "other_device"
    """Another device answers at its address: find out where it went, or who took the address."""
    HUNG = "hung"
    """Accepts connections and never answers: power-cycle it."""
    NO_ONVIF = "no_onvif"
    """Answers, but not as an ONVIF device: enable ONVIF."""
    BAD_ANSWER = "bad_answer"
    """Answers with something broken or hostile: update or replace it."""
    AUTH_FAILED = "auth_failed"
    """The password is wrong. Tried once, not repeated, so that no account is locked."""
    AUTH_BACKOFF = "auth_backoff"
    """The password was refused before; the next try comes only after the back-off."""
    NOT_ACTIVATED = "not_activated"
    """Fresh from the factory, without a password: activate it on its own page first."""
    CERTIFICATE_CHANGED = "certificate_changed"
    """Its TLS certificate is not the one seen first: replaced or reset (confirm), or tampered with."""
    NO_STREAM = "no_stream"
    """The device answers, the video does not come (V01)."""
    BAD_STREAM = "bad_stream"
    """A stream comes that cannot be decoded."""
    PICTURE_DARK = "picture_dark"
    """V02."""
    PICTURE_OVER_BRIGHT = "picture_over_bright"
    """V03."""
    PICTURE_BLURRED = "picture_blurred"
    """V04."""
    PICTURE_FROZEN = "picture_frozen"
    """V05: packets arrive, the picture does not change."""
    PICTURE_COVERED = "picture_covered"
    """V06."""
    NOT_REGISTERED = "not_registered"
    """A conference endpoint lives, and its registrar does not know where: nobody can call it."""
    POOR_LINE = "poor_line"
    """A conference endpoint lives behind a line that loses or delays too much for a meeting."""
    SCENE_CHANGED = "scene_changed"
    """V14: the camera looks elsewhere."""
    PICTURE_COLOUR_CAST = "picture_colour_cast"
    """V07: one colour lies over everything."""
    PICTURE_NOISY = "picture_noisy"
    """V08: snow, or noise far beyond what the light explains."""
    PICTURE_STRIPED = "picture_striped"
    """V09: bars across the picture."""
    PICTURE_LOW_CONTRAST = "picture_low_contrast"
    """V10: grey haze all over, and not fog."""
    PICTURE_GREY = "picture_grey"
    """V11: black and white by day, the IR-cut filter is stuck."""
    PICTURE_SHAKING = "picture_shaking"
    """V12: the whole view trembles."""


class SceneTopic(StrEnum):
    """What is seen, as ONVIF names it, whether the camera or the box saw it."""

    MOTION = "tns1:VideoSource/MotionAlarm"
    SCENE_CHANGE = "tns1:VideoSource/GlobalSceneChange/ImagingService"
    TOO_DARK = "tns1:VideoSource/ImageTooDark/ImagingService"
    TOO_BRIGHT = "tns1:VideoSource/ImageTooBright/ImagingService"
    TOO_BLURRY = "tns1:VideoSource/ImageTooBlurry/ImagingService"
    SIGNAL_LOSS = "tns1:VideoSource/SignalLoss"
    TAMPER = "tns1:RuleEngine/TamperDetector/Tamper"
    LINE_CROSSED = "tns1:RuleEngine/LineDetector/Crossed"
    OBJECTS_INSIDE = "tns1:RuleEngine/FieldDetector/ObjectsInside"
    COUNTER = "tns1:RuleEngine/CountAggregation/Counter"
    OCCUPANCY = "tns1:RuleEngine/CountAggregation/OccupancyCounter"
    LOITERING = "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering"
    OBJECT_LEFT = "tns1:RuleEngine/ObjectAbandoned"
    OBJECT_REMOVED = "tns1:RuleEngine/ObjectRemoved"
    OBJECT_DETECTED = "tns1:RuleEngine/ObjectDetection/Object"
    """Something of a kind (a person, a vehicle) is there; never who or which."""
    IMPAIRED = "tns1:VideoSource/ImpairedVisibility"
    """Fog, smoke or dust, not the lens."""
    DIGITAL_INPUT = "tns1:Device/Trigger/DigitalInput"
    RELAY = "tns1:Device/Trigger/Relay"
    STORAGE_FAILURE = "tns1:Device/HardwareFailure/StorageFailure"
    FAN_FAILURE = "tns1:Device/HardwareFailure/FanFailure"
    POWER_FAILURE = "tns1:Device/HardwareFailure/PowerSupplyFailure"
    TEMPERATURE_CRITICAL = "tns1:Device/HardwareFailure/TemperatureCritical"
    ACCESS_REFUSED = "tns1:Device/SecurityPolicy/AuthFailed"
    """Somebody was refused a log-in by the device; never who, nor from where."""
    STORAGE_FULL = "tnsop:Device/StorageFull"
    """The disk is full and does not overwrite. No ONVIF topic is; makes have their own."""
    NETWORK_BROKEN = "tnsop:Device/NetworkBroken"
    """The device lost a network port for a time. No ONVIF topic is."""
    IP_CONFLICT = "tnsop:Device/IpConflict"
    """Another device uses the same address. No ONVIF topic is."""
    CASING_OPEN = "tnsop:Device/CasingOpen"
    """The housing was opened. No ONVIF topic is."""
    CROWDING = "tnsop:RuleEngine/Crowding"
    """Too many in a part of the picture, by area: never who. No ONVIF topic is."""
    SMOKE_SUSPECTED = "tnsop:RuleEngine/SmokeSuspected"
    """Something like smoke rises in a lookout's picture; a person confirms it. No ONVIF topic is."""
    LIGHT_LEVEL = "tnsop:VideoSource/LightLevel"
    """A lamp's part of the picture went on (start) and off (end). No ONVIF topic is."""
    SILENCE = "tnsop:Monitoring/PassageSilence"
    """A counting device tells no passage at an hour when its road never was so quiet. No ONVIF topic is."""
    TOUR_STOPPED = "tnsop:Monitoring/TourStopped"
    """A lookout does not go on its tour. No ONVIF topic is."""
    PTZ_STUCK = "tnsop:Monitoring/PtzStuck"
    """A head does not turn to its presets, by what it shows (V13). No ONVIF topic is."""
    FROZEN = "tnsop:VideoSource/Freeze"
    """Packets come, the picture stands still (V05). ONVIF's SignalLoss means that there is no video."""
    COLOUR_CAST = "tnsop:VideoSource/ColourCast"
    """One colour lies over everything (V07). No ONVIF topic is."""
    NOISE = "tnsop:VideoSource/Snow"
    """Snow or noise (V08). No ONVIF topic is."""
    STRIPES = "tnsop:VideoSource/Streak"
    """Bars across the picture (V09). No ONVIF topic is."""
    LOW_CONTRAST = "tnsop:VideoSource/LowContrast"
    """Haze that is not the air's (V10): ONVIF's ImpairedVisibility is fog, smoke, dust."""
    GREY_BY_DAY = "tnsop:VideoSource/GreyByDay"
    """Black and white while the sun is up (V11). No ONVIF topic is."""
    SHAKE = "tnsop:VideoSource/Jitter"
    """The whole view trembles (V12). No ONVIF topic is."""


DEVICE_HEALTH_TOPICS: Final = frozenset(
    {
        SceneTopic.STORAGE_FAILURE,
        SceneTopic.FAN_FAILURE,
        SceneTopic.POWER_FAILURE,
        SceneTopic.TEMPERATURE_CRITICAL,
        SceneTopic.ACCESS_REFUSED,
        SceneTopic.STORAGE_FULL,
        SceneTopic.NETWORK_BROKEN,
        SceneTopic.IP_CONFLICT,
        SceneTopic.CASING_OPEN,
    }
)
"""What a device says of itself and not of what it sees. They open no incident by themselves."""

FORBIDDEN_TOPICS: Final = ("RuleEngine/Recognition/", "FaceDetect", "LicensePlate", "Recognition/Face")
"""Topic parts whose values identify somebody. Dropped inside the box's parser; refused by the wire."""


class Phase(StrEnum):
    """A scene event has a start and an end; a pulse has neither."""

    START = "start"
    END = "end"
    PULSE = "pulse"


class SeenBy(StrEnum):
    """Who saw it: the camera's own event, or the box's own eyes."""

    CAMERA = "camera"
    BOX = "box"
