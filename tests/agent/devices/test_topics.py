"""Every topic of the reference list lands where it belongs, or is counted as unknown."""

from __future__ import annotations

import pytest

from agent.devices.topics import identifies_somebody, meaning, normalised
from protocol.words import SceneTopic

NAMESPACES: dict[str | None, str] = {
    "tns1": "http://www.onvif.org/ver10/topics",
    "t": "http://www.onvif.org/ver10/topics",
    "tnshik": "http://www.hikvision.com/2011/event/topics",
    "ax": "http://www.axis.com/2009/event/topics",
}
MEANT = {
    "tns1:VideoSource/MotionAlarm": SceneTopic.MOTION,
    "tns1:VideoSource/tns1:MotionAlarm": SceneTopic.MOTION,
    "t:VideoSource/t:MotionAlarm": SceneTopic.MOTION,
    "\n   tns1:RuleEngine/CellMotionDetector/Motion  ": SceneTopic.MOTION,
    "tns1:RuleEngine/CellMotionDetector/Motion/.": SceneTopic.MOTION,
    "tns1:RuleEngine/CellMotionDetector/Motion//.": SceneTopic.MOTION,
    "tns1:RuleEngine/MotionRegionDetector/Motion": SceneTopic.MOTION,
    "ax:CameraApplicationPlatform/VMD/Camera1ProfileANY": SceneTopic.MOTION,
    "tnsaxis:CameraApplicationPlatform/VMD/Camera1Profile1": SceneTopic.MOTION,
    "tns1:RuleEngine/tnsaxis:VMD3/vmd3_video_1": SceneTopic.MOTION,
    "tns1:RuleEngine/PeopleDetector/People": SceneTopic.MOTION,
    "tns1:RuleEngine/MyRuleDetector/VehicleDetect": SceneTopic.MOTION,
    "tns1:RuleEngine/TPSmartEventDetector/TPSmartEvent": SceneTopic.MOTION,
    "tns1:VideoSource/GlobalSceneChange/ImagingService": SceneTopic.SCENE_CHANGE,
    "tns1:VideoSource/GlobalSceneChange/AnalyticsService": SceneTopic.SCENE_CHANGE,
    "tns1:VideoSource/ImageTooDark/ImagingService": SceneTopic.TOO_DARK,
    "tns1:VideoSource/ImageTooBright/AnalyticsService": SceneTopic.TOO_BRIGHT,
    "tns1:VideoSource/ImageTooBlurry/RecordingService": SceneTopic.TOO_BLURRY,
    "tns1:VideoSource/SignalLoss": SceneTopic.SIGNAL_LOSS,
    "tns1:RuleEngine/TamperDetector/Tamper": SceneTopic.TAMPER,
    "tns1:RuleEngine/CellMotionDetector/Tamper": SceneTopic.TAMPER,
    "tns1:RuleEngine/LineDetector/Crossed": SceneTopic.LINE_CROSSED,
    "tns1:RuleEngine/CellMotionDetector/LineCross": SceneTopic.LINE_CROSSED,
    "tns1:RuleEngine/FieldDetector/ObjectsInside": SceneTopic.OBJECTS_INSIDE,
    "tns1:RuleEngine/CellMotionDetector/Intrusion": SceneTopic.OBJECTS_INSIDE,
    "tns1:RuleEngine/CountAggregation/Counter": SceneTopic.COUNTER,
    "tns1:Device/Trigger/DigitalInput": SceneTopic.DIGITAL_INPUT,
    "tns1:Device/Trigger/tnshik:AlarmIn": SceneTopic.DIGITAL_INPUT,
}
UNKNOWN = [
    "",
    "tns1:Monitoring/OperatingTime/LastReset",
    "tns1:Device/HardwareFailure/StorageFailure",
    "tns1:RuleEngine/MyRuleDetector/Visitor",
    "tnsvendor:VideoSource/MotionAlarm",
]
FORBIDDEN = [
    "tns1:RuleEngine/Recognition/Face",
    "tns1:RuleEngine/Recognition/LicensePlate",
    "tns1:RuleEngine/tns1:Recognition/tns1:LicensePlate",
    "tns1:RuleEngine/MyRuleDetector/FaceDetect",
    "tnsvendor:Smart/licenseplate/Read",
    "tnsvendor:FaceRecognition/Match",
]


@pytest.mark.parametrize("said", MEANT)
def test_topic_means(said: str) -> None:
    found = meaning(normalised(said, NAMESPACES))
    assert found is not None
    assert found.topic is MEANT[said]
    assert not identifies_somebody(normalised(said, NAMESPACES))


@pytest.mark.parametrize("said", UNKNOWN)
def test_topic_means_nothing_to_the_county(said: str) -> None:
    assert meaning(normalised(said, NAMESPACES)) is None


@pytest.mark.parametrize("said", FORBIDDEN)
def test_topic_that_identifies_somebody_is_seen(said: str) -> None:
    assert identifies_somebody(normalised(said, NAMESPACES))


def test_a_vendor_keeps_its_prefix_whatever_it_is_called() -> None:
    assert normalised("ax:Storage/Alert", NAMESPACES) == "tnsaxis:Storage/Alert"
    assert normalised("tns1:Device/tnsn:Network/EthernetBroken", {}) == "Device/tnsn:Network/EthernetBroken"
