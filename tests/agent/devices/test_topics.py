"""Every topic of the reference list lands where it belongs, or is counted as unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.topics import Kind, identifies_somebody, kind_of, meaning, normalised, shown
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
    "tns1:Device/Trigger/tnsn:AlarmIn": SceneTopic.DIGITAL_INPUT,
    "tns1:Device/Trigger/Relay": SceneTopic.RELAY,
    "tns1:VideoSource/ImpairedVisibility": SceneTopic.IMPAIRED,
    "tns1:VideoAnalytics/ax:MotionDetection": SceneTopic.MOTION,
    "tns1:RuleEngine/CellMotionDetector/TpSmartEvent": SceneTopic.MOTION,
    "tns1:RuleEngine/MyRuleDetector/Package": SceneTopic.OBJECT_LEFT,
    "tns1:RuleEngine/MyRuleDetector/Visitor": SceneTopic.DIGITAL_INPUT,
    "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering": SceneTopic.LOITERING,
    "tns1:RuleEngine/ObjectAbandoned": SceneTopic.OBJECT_LEFT,
    "tns1:RuleEngine/ObjectRemoved": SceneTopic.OBJECT_REMOVED,
    "tns1:RuleEngine/ObjectDetection/Object": SceneTopic.OBJECT_DETECTED,
    "tns1:RuleEngine/CountAggregation/OccupancyCounter": SceneTopic.OCCUPANCY,
    "tns1:RuleEngine/OccupancyCounter": SceneTopic.OCCUPANCY,
    "tns1:Device/HardwareFailure/StorageFailure": SceneTopic.STORAGE_FAILURE,
    "tns1:Device/HardwareFailure/tnshik:HardDiskError": SceneTopic.STORAGE_FAILURE,
    "tns1:Device/HardwareFailure/tnsn:HardDiskUnformat": SceneTopic.STORAGE_FAILURE,
    "tns1:Device/HardwareFailure/tnsn:HardDiskFull": SceneTopic.STORAGE_FULL,
    "tns1:Device/ax:HardwareFailure/ax:StorageFailure": SceneTopic.STORAGE_FAILURE,
    "tns1:Device/ax:HardwareFailure/StorageFailure": SceneTopic.STORAGE_FAILURE,
    "ax:Storage/Alert": SceneTopic.STORAGE_FAILURE,
    "ax:Storage/ax:Disruption": SceneTopic.STORAGE_FAILURE,
    "tns1:Device/HardwareFailure/FanFailure": SceneTopic.FAN_FAILURE,
    "tns1:Device/HardwareFailure/PowerSupplyFailure": SceneTopic.POWER_FAILURE,
    "tns1:Device/HardwareFailure/PowerSupplyFailure/ax:PTZPowerFailure": SceneTopic.POWER_FAILURE,
    "tns1:Device/HardwareFailure/TemperatureCritical": SceneTopic.TEMPERATURE_CRITICAL,
    "tns1:Device/tnshik:Network/tnshik:EthernetBroken": SceneTopic.NETWORK_BROKEN,
    "tns1:Device/tnsn:Network/EthernetBroken": SceneTopic.NETWORK_BROKEN,
    "tns1:Device/tnsn:Network/IPAddrConflict": SceneTopic.IP_CONFLICT,
    "tns1:Device/ax:Casing/ax:Open": SceneTopic.CASING_OPEN,
    "tns1:Device/SecurityPolicy/AuthFailed": SceneTopic.ACCESS_REFUSED,
    "tns1:UserAlarm/tnshik:IllegalAccess": SceneTopic.ACCESS_REFUSED,
}
KEPT = {
    "tns1:Monitoring/ProcessorUsage": "processor_usage",
    "tns1:Monitoring/OperatingTime/LastReboot": "last_reboot",
    "tns1:Monitoring/OperatingTime/LastReset": "last_reset",
    "tns1:Monitoring/OperatingTime/LastClockSynchronization": "last_clock_sync",
    "tns1:Monitoring/LinkStatus": "link_speed",
    "tns1:Monitoring/UploadStatus": "upload_progress",
    "tns1:Monitoring/Backup/Last": "last_backup",
    "tns1:Monitoring/AsynchronousOperationStatus": "operation_progress",
    "tns1:Monitoring/EnvironmentalConditions/Temperature": "temperature",
    "tns1:Monitoring/EnvironmentalConditions/RelativeHumidity": "humidity",
    "tns1:Monitoring/CloudFirmwareUpgrade/Completed": "cloud_upgrade_done",
}
NOT_OURS = [
    "tns1:PTZController/PTZPresets/Invoked",
    "tns1:PTZController/PTZPresets/Reached",
    "tns1:PTZController/PTZPresets/Aborted",
    "tns1:PTZController/PTZPresets/Left",
    "tns1:Door/State/DoorMode",
    "tns1:AccessControl/Duress",
    "tns1:RecordingConfig/JobState",
    "tns1:Media/ProfileChanged",
    "tns1:Device/ax:IO/ax:VirtualPort",
]
UNKNOWN = ["", "tnsvendor:VideoSource/MotionAlarm", "tns1:VideoSource", "tns1:VideoSource/ImageTooDark/A/B"]
FORBIDDEN = [
    "tns1:RuleEngine/Recognition/Face",
    "tns1:RuleEngine/Recognition/LicensePlate",
    "tns1:RuleEngine/tns1:Recognition/tns1:LicensePlate",
    "tns1:RuleEngine/MyRuleDetector/FaceDetect",
    "tnsvendor:Smart/licenseplate/Read",
    "tnsvendor:FaceRecognition/Match",
    "tns1:AccessControl/AccessGranted/Credential",
    "tns1:AccessControl/Denied/CredentialNotFound/Card",
    "tns1:Credential/State/Enabled",
    "tnsvendor:Smart/FaceSnap",
    "tnsvendor:Traffic/ANPR",
    "tnsvendor:Traffic/PlateResult",
    "tnsvendor:Smart/\uff46ace_snap",
    "tnsvendor:Traffic/LPR",
    "tnsvendor:Traffic/LPRResult",
]
INNOCENT = [
    "tns1:Device/NetworkInterface/Up",
    "tnsx:Template/Loaded",
    "tns1:Monitoring/Surface",
    "tnsx:AutoIris",
    "tnsx:FullProfile",
]


@pytest.mark.parametrize("said", MEANT)
def test_topic_means(said: str) -> None:
    found = meaning(normalised(said, NAMESPACES))
    assert found is not None
    assert found.topic is MEANT[said]
    assert not identifies_somebody(normalised(said, NAMESPACES))


@pytest.mark.parametrize("said", KEPT)
def test_topic_is_a_value_that_is_kept(said: str) -> None:
    found = meaning(normalised(said, NAMESPACES))
    assert found is not None
    assert (found.topic, found.name) == (None, KEPT[said])


@pytest.mark.parametrize("said", NOT_OURS)
def test_topic_is_known_and_not_ours(said: str) -> None:
    assert kind_of(normalised(said, NAMESPACES)) is Kind.NOT_OURS


@pytest.mark.parametrize("said", UNKNOWN)
def test_topic_is_unknown(said: str) -> None:
    assert kind_of(normalised(said, NAMESPACES)) is Kind.UNKNOWN


@pytest.mark.parametrize("said", INNOCENT)
def test_a_word_within_a_word_identifies_nobody(said: str) -> None:
    assert not identifies_somebody(normalised(said, NAMESPACES))


@pytest.mark.parametrize("leaf", ["ImagingService", "AnalyticsService", "RecordingService"])
@pytest.mark.parametrize("fault", ["GlobalSceneChange", "ImageTooDark", "ImageTooBright", "ImageTooBlurry"])
def test_a_picture_fault_is_the_same_whichever_service_saw_it(fault: str, leaf: str) -> None:
    of_imaging = meaning(f"VideoSource/{fault}/ImagingService")
    assert of_imaging is not None
    assert meaning(f"VideoSource/{fault}/{leaf}") == of_imaging


def test_a_kept_name_never_shows_what_a_device_wrote_into_a_topic() -> None:
    assert shown("tnsx:Passage/\u4eacA12345") == "tnsx:Passage/…"
    assert shown("tnsx:Passage/A12345/Lane2") == "tnsx:Passage/A#/Lane#"
    assert len(shown("/".join(["a"] * 500))) < 20


@given(st.text(max_size=200))
def test_whatever_is_written_as_a_topic_has_one_kind(said: str) -> None:
    topic = normalised(said, NAMESPACES)
    assert kind_of(topic) in Kind
    assert normalised(topic, {}) == topic
    assert not any(character.isdigit() for character in shown(topic))


@pytest.mark.parametrize("said", FORBIDDEN)
def test_topic_that_identifies_somebody_is_seen(said: str) -> None:
    assert identifies_somebody(normalised(said, NAMESPACES))


def test_a_vendor_keeps_its_prefix_whatever_it_is_called() -> None:
    assert normalised("ax:Storage/Alert", NAMESPACES) == "tnsaxis:Storage/Alert"
    assert normalised("tns1:Device/tnsn:Network/EthernetBroken", {}) == "Device/tnsn:Network/EthernetBroken"
    assert normalised("ax:Storage/ax:Alert", NAMESPACES) == "tnsaxis:Storage/Alert"
