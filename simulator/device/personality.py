"""Decides how each make of device behaves where makes differ.

Law: a vendor's habit is a value in this table, never a branch on a vendor's name in protocol code.
Source of the habits: recorded answers and issue threads of real devices; serials and MACs are invented.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.device.certificate import KeyKind
from simulator.device.recorder import RecordingHabits
from simulator.device.users import LockOut
from simulator.video.model import ProfileSpec


class AuthMode(StrEnum):
    """Which credentials a device accepts on SOAP requests."""

    WSSE = "wsse"
    DIGEST = "digest"
    BOTH = "both"
    NONE = "none"


class NotSupported(StrEnum):
    """The shapes in which makes say that an operation does not exist."""

    ACTION = "Receiver/ActionNotSupported"  # Axis 9+, Bosch, Pelco
    ACTION_INVALID_OPERATION = "Receiver/ActionNotSupported/InvalidOperation"  # Hikvision family
    SENDER_ACTION = "Sender/ActionNotSupported"
    ACTION_FAILED = "Receiver/Action"  # Axis 5.x
    GSOAP = "Sender"  # Reolink, Pelco: text "Method ... not implemented"
    INVALID_ARG = "Sender/InvalidArgVal"  # old Hikvision for GetServices
    EMPTY_ANSWER = "200"  # onvif_srvd: an empty response element


class Lifetime(StrEnum):
    """How a device understands the termination time a client asks for."""

    HONEST = "honest"
    UNIT_IGNORED = "unit_ignored"  # PT10M is read as ten seconds: clients must ask in seconds
    SECONDS_AS_MINUTES = "seconds_as_minutes"  # PT60S lives an hour; forgotten slots stay taken
    ALWAYS_60_S = "always_60_s"  # whatever was asked
    REQUIRED = "required"  # a request without it is answered with an empty HTTP 500
    ABSOLUTE = "absolute"  # a duration is refused, a point in time is taken


class PassageReport(StrEnum):
    """How a counting device tells that something passed."""

    TOTAL = "total"  # a counter that grows
    PULSE = "pulse"  # one notice a passage, no figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the services live; `subscription` takes `{number}`, `snapshot` takes `{token}`."""

    device: str = "/onvif/device_service"
    media: str = "/onvif/media_service"
    media2: str | None = "/onvif/media2_service"
    events: str = "/onvif/event_service"
    imaging: str = "/onvif/imaging_service"
    ptz: str = "/onvif/ptz_service"
    deviceio: str | None = None
    subscription: str = "/onvif/subscription/{number}"
    snapshot: str = "/snapshot/{token}.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One topic by which a make tells a state: source items (with `{source}` etc.) and the one data item."""

    topic: str
    item: str
    source: tuple[tuple[str, str], ...] = (("Source", "{source}"),)
    on: str = "true"
    off: str = "false"


_MOTION_ALARM = Report(topic="tns1:VideoSource/MotionAlarm", item="State")
_RULE_SOURCE = (
    ("VideoSourceConfigurationToken", "{source_configuration}"),
    ("VideoAnalyticsConfigurationToken", "VideoAnalyticsToken"),
    ("Rule", "MyMotionDetectorRule"),
)
_CELL_MOTION = Report(topic="tns1:RuleEngine/CellMotionDetector/Motion", item="IsMotion", source=_RULE_SOURCE)
_SCENE_CHANGE = Report(topic="tns1:VideoSource/GlobalSceneChange/ImagingService", item="State")
_TAMPER = Report(topic="tns1:RuleEngine/TamperDetector/Tamper", item="IsTamper", source=_RULE_SOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """The behaviour of one make. Every field a device of another make answers differently."""

    manufacturer: str
    model: str
    dome_model: str
    recorder_model: str
    firmware: str
    serial: str  # takes {model}, {number} and {mac}
    hardware_id: str  # takes {model} and {mac}
    mac_prefix: str
    paths: Paths = field(default_factory=Paths)
    auth: AuthMode = AuthMode.BOTH
    digest_algorithms: tuple[str, ...] = ("MD5",)
    open_operations: frozenset[str] = frozenset({"GetSystemDateAndTime"})
    lock_out: LockOut = field(default_factory=LockOut)
    envelope_prefix: str = "SOAP-ENV"
    not_supported: NotSupported = NotSupported.ACTION
    not_supported_text: str = ""  # instead: Receiver/Action with this text, which says nothing clear
    fault_status: int | None = None  # None: 400 for Sender, 500 for Receiver, as SOAP 1.2 says
    has_get_services: bool = True
    absent_operations: frozenset[str] = frozenset()  # every device must have them, this make has not
    dead_media2: bool = False  # told of by GetServices, answers nothing
    claims_pull_points: bool = True  # WSPullPointSupport; pull points work either way
    pull_points: int = 10
    reference_parameters: tuple[str, str] | None = None  # (namespace, element) to be echoed as a header
    lifetime: Lifetime = Lifetime.HONEST
    longest_pull_s: float = 60.0
    drops_long_pulls: bool = False  # closes the socket after longest_pull_s instead of answering
    motion: tuple[Report, ...] = (_MOTION_ALARM,)
    scene_change: tuple[Report, ...] = (_SCENE_CHANGE,)
    sees_scene_change: bool = False  # False: the topic exists and its state never changes
    topic_padding: str = ""  # white space round the topic text
    topic_dialect: str = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
    vendor_topics: tuple[str, str] | None = None  # (prefix, namespace) of the make's own topics
    time_zone: str = "CST-8"
    snapshot_credentials: bool = False  # GetSnapshotUri carries name and password
    snapshot_basic: bool = False  # snapshots are fetched with HTTP Basic, else with Digest
    most_profiles: int = 8
    makes_profiles: bool = True  # CreateProfile and what belongs to it
    spare_encoders: tuple[ProfileSpec, ...] = ()  # in no profile of the factory
    keys_on_demand: bool = True  # SetSynchronizationPoint of Media
    max_presets: int = 255
    preset_tours: bool = False  # GetPresetTours and what belongs to it
    tells_position: bool = True  # in GetStatus; recorded Reolink E1: only whether it moves
    passages: PassageReport = PassageReport.TOTAL
    keeps_counter: bool = False  # over a restart
    system_uris: bool = True  # GetSystemUris, StartSystemRestore
    http_upgrade: bool = True  # StartFirmwareUpgrade
    certificate_key: KeyKind = KeyKind.EC_256
    plain_xaddrs: bool = False  # tells http:// addresses of port 80 also over HTTPS
    claims_http_upgrade: bool | None = None  # HttpFirmwareUpgrade; None: the truth
    mtom: bool = False  # the deprecated operations with attachments
    mtom_boundary: str = "MIMEBoundary-a1"
    recording: RecordingHabits = field(default_factory=RecordingHabits)
    storage_failure: tuple[str, str] = ("tns1:Device/HardwareFailure/StorageFailure", "Failed")
    disk_notices: tuple[tuple[str, str], ...] = ()  # (state of the disk, topic without data)
    relays: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    has_relays: bool = True  # False: GetRelayOutputs is refused, not answered with an empty list
    relays_by_io_alone: bool = False  # the device service does not know them
    tells_relays: bool = True  # Device/Trigger/Relay


_THIRD = ProfileSpec("third", 352, 288, 25, 50)
"""A third encoder that no profile shows yet, with the settings makes ship it with."""

_OPEN_BY_SPECIFICATION = frozenset(
    {
        "GetSystemDateAndTime",
        "GetServices",
        "GetServiceCapabilities",
        "GetCapabilities",
        "GetHostname",
        "GetEndpointReference",
        "GetWsdlUrl",
    }
)

PERSONALITIES: dict[str, Personality] = {
    "plain": Personality(
        spare_encoders=(_THIRD,),
        manufacturer="Outpost Simulator",
        model="SIM-1080",
        dome_model="SIM-D20",
        recorder_model="SIM-NVR8",
        firmware="1.4.2",
        serial="SIM{number:09d}",
        hardware_id="rev-b",
        mac_prefix="02:00:5e",
        open_operations=_OPEN_BY_SPECIFICATION,
        preset_tours=True,
        digest_algorithms=("MD5", "SHA-256"),
        paths=Paths(deviceio="/onvif/deviceio_service"),
        relays=("RelayOutput_1", "RelayOutput_2"),
        inputs=("DigitalInput_1",),
    ),
    "hik-like": Personality(
        manufacturer="HIKVISION",
        model="DS-2CD2T46G2-4I",
        certificate_key=KeyKind.RSA_2048,
        dome_model="DS-2DE4425IW-DE",
        recorder_model="DS-7608NI-K2",
        firmware="V5.7.3 build 220112",
        serial="{model}20220318AAWR{number:09d}",
        hardware_id="88",
        mac_prefix="44:19:b6",
        paths=Paths(
            media="/onvif/Media",
            media2="/onvif/Media2",
            events="/onvif/Events",
            imaging="/onvif/Imaging",
            ptz="/onvif/PTZ",
            subscription="/onvif/Events/PullSubManager_{number}",
            snapshot="/onvif-http/snapshot/{token}",
            deviceio="/onvif/DeviceIO",
        ),
        relays=("AlarmOut_0", "AlarmOut_1"),
        inputs=("AlarmIn_0",),
        tells_relays=False,
        envelope_prefix="env",
        not_supported=NotSupported.ACTION_INVALID_OPERATION,
        lock_out=LockOut(after_tries=7, lasts_s=1800.0),
        pull_points=10,
        motion=(_MOTION_ALARM, _CELL_MOTION),
        scene_change=(_TAMPER,),
        sees_scene_change=True,
        vendor_topics=("tnshik", "http://www.hikvision.com/2011/event/topics"),
        time_zone="CST-8:00:00",
        recording=RecordingHabits(earliest_1970=True, page=40, completed_early=True),
        disk_notices=(
            ("full", "tns1:Device/HardwareFailure/tnshik:HardDiskFull"),
            ("error", "tns1:Device/HardwareFailure/tnshik:HardDiskError"),
        ),
        preset_tours=True,
        keeps_counter=True,
    ),
    "dahua-like": Personality(
        most_profiles=2,
        manufacturer="Dahua",
        model="IPC-HFW2431S-S-S2",
        plain_xaddrs=True,
        dome_model="SD49425XB-HNR",
        recorder_model="NVR4108HS-4KS2",
        firmware="2.820.0000000.5.R, Build Date 2021-12-14",
        serial="7B0{number:09d}PAG",
        hardware_id="1.00",
        mac_prefix="3c:ef:8c",
        paths=Paths(subscription="/onvif/Subscription/Idx_{number}", snapshot="/onvifsnapshot/{token}"),
        auth=AuthMode.WSSE,
        envelope_prefix="s",
        not_supported=NotSupported.SENDER_ACTION,
        lock_out=LockOut(after_tries=5, lasts_s=300.0),
        pull_points=10,
        lifetime=Lifetime.UNIT_IGNORED,
        motion=(_CELL_MOTION, _MOTION_ALARM),
        sees_scene_change=True,
        time_zone="CST-8",
        recording=RecordingHabits(
            lacks=frozenset({"FindEvents", "GetEventSearchResults"}), searches=1, status=False
        ),
        preset_tours=True,
    ),
    "axis-like": Personality(
        spare_encoders=(_THIRD,),
        manufacturer="AXIS",
        model="P1455-LE",
        dome_model="Q6045-E Mk II",
        recorder_model="S3008",
        firmware="10.12.114",
        serial="{mac}",
        hardware_id="7A1.3",
        mac_prefix="00:40:8c",
        paths=Paths(
            media="/onvif/services",
            media2="/onvif/services",
            events="/onvif/services",
            imaging="/onvif/services",
            ptz="/onvif/services",
            subscription="/onvif/services",
            snapshot="/onvif-cgi/jpg/{token}.jpg",
            deviceio="/onvif/services",
        ),
        relays=("3",),
        inputs=("0",),
        relays_by_io_alone=True,
        auth=AuthMode.BOTH,
        not_supported=NotSupported.ACTION_FAILED,
        pull_points=4,
        reference_parameters=("http://www.axis.com/2009/event", "SubscriptionId"),
        motion=(
            Report(
                topic="tnsaxis:CameraApplicationPlatform/VMD/Camera1ProfileANY",
                item="active",
                source=(),
                on="1",
                off="0",
            ),
        ),
        topic_dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple",
        vendor_topics=("tnsaxis", "http://www.axis.com/2009/event/topics"),
        time_zone="CST-8",
        recording=RecordingHabits(
            search="/onvif/services",
            recording="/onvif/services",
            topic="Track",
            words=("1", "0"),
            ends_itself=True,
            takes_s=0.2,
        ),
        storage_failure=("tns1:Device/tnsaxis:HardwareFailure/StorageFailure", "disruption"),
    ),
    "reolink-like": Personality(
        makes_profiles=False,
        keys_on_demand=False,
        manufacturer="Reolink",
        model="RLC-520A",
        dome_model="E1 Zoom",
        recorder_model="RLN8-410",
        firmware="v3.1.0.956_22041503",
        serial="{number:09d}CN",
        hardware_id="IPC_523128M5MP",
        mac_prefix="ec:71:db",
        paths=Paths(media2=None, snapshot="/cgi-bin/api.cgi/{token}"),
        not_supported=NotSupported.GSOAP,
        lock_out=LockOut(after_tries=5, lasts_s=300.0),
        pull_points=2,
        lifetime=Lifetime.ALWAYS_60_S,
        motion=(_CELL_MOTION,),
        time_zone="CST+8:00:00",
        snapshot_credentials=True,
        tells_position=False,
        system_uris=False,
        http_upgrade=False,
        recording=RecordingHabits(offered=False),
        has_relays=False,
    ),
    "bosch-like": Personality(
        manufacturer="Bosch",
        model="FLEXIDOME IP starlight 6000i IR",
        dome_model="AUTODOME IP starlight 5000i",
        recorder_model="DIVAR IP all-in-one 5000",
        firmware="7.80.0128",
        serial="0441{number:09d}04",
        hardware_id="F000F543",
        mac_prefix="00:07:5f",
        auth=AuthMode.DIGEST,
        digest_algorithms=("MD5", "SHA-256"),
        envelope_prefix="SOAP-ENV",
        not_supported=NotSupported.ACTION,
        fault_status=500,
        claims_pull_points=False,
        pull_points=10,
        relays=("Output_1",),
        lifetime=Lifetime.SECONDS_AS_MINUTES,
        scene_change=(_SCENE_CHANGE,),
        sees_scene_change=True,
        passages=PassageReport.PULSE,
        time_zone="UTC-8:00",
        recording=RecordingHabits(
            lacks=frozenset({"FindRecordings", "GetRecordingSearchResults", "GetRecordingSummary"}),
            start_state=False,
            words=("TRUE", "FALSE"),
        ),
    ),
    "tapo-like": Personality(
        keys_on_demand=False,
        manufacturer="tp-link",
        model="Tapo C320WS",
        dome_model="Tapo C225",
        recorder_model="VIGI NVR1008H",
        firmware="1.1.20 Build 230421 Rel.65430n(4555)",
        serial="{number:08x}",
        hardware_id="1.0",
        mac_prefix="5c:62:8b",
        paths=Paths(
            media="/onvif/service",
            media2=None,
            events="/onvif/service",
            imaging="/onvif/service",
            ptz="/onvif/service",
            subscription="/event-{number}",
            snapshot="/stream/snapshot/{token}",
        ),
        auth=AuthMode.WSSE,
        not_supported=NotSupported.ACTION,
        pull_points=5,
        lifetime=Lifetime.REQUIRED,
        longest_pull_s=10.0,
        drops_long_pulls=True,
        motion=(_CELL_MOTION,),
        scene_change=(
            Report(topic="tns1:RuleEngine/CellMotionDetector/Tamper", item="IsTamper", source=_RULE_SOURCE),
        ),
        sees_scene_change=True,
        topic_padding="\n      ",
        snapshot_basic=True,
        time_zone="CST-8",
        recording=RecordingHabits(offered=False),
    ),
    "old-hik-like": Personality(
        spare_encoders=(_THIRD,),
        manufacturer="HIKVISION",
        model="DS-2CD2012-I",
        certificate_key=KeyKind.RSA_1024,
        dome_model="DS-2DF7276-AEL",
        recorder_model="DS-7608N-E2",
        firmware="V5.2.0 build 140721",
        serial="{model}20150201AAWR{number:09d}",
        hardware_id="88",
        mac_prefix="c0:56:e3",
        paths=Paths(
            media="/onvif/Media",
            media2=None,
            events="/onvif/Events",
            imaging="/onvif/Imaging",
            ptz="/onvif/PTZ",
            subscription="/onvif/Events/PullSubManager_{number}",
        ),
        auth=AuthMode.WSSE,
        envelope_prefix="env",
        not_supported=NotSupported.INVALID_ARG,
        has_get_services=False,
        pull_points=10,
        motion=(_CELL_MOTION,),
        vendor_topics=("tnshik", "http://www.hikvision.com/2011/event/topics"),
        time_zone="CST+0:00:00",
        system_uris=False,
        http_upgrade=False,
        mtom=True,
        mtom_boundary="--http://tempuri@onvif.org/getsystembackup",
        recording=RecordingHabits(dead=True),
    ),
    "onvif-srvd-like": Personality(
        makes_profiles=False,
        keys_on_demand=False,
        manufacturer="ONVIF_IPNC",
        model="IPG-8150PSS",
        dome_model="IPG-D200",
        recorder_model="IPG-N08",
        firmware="1.3.0-20210203CN-PT",
        serial="I{number:09d}E78",
        hardware_id="8FE1887A",
        mac_prefix="00:12:16",
        paths=Paths(media2=None, events="/onvif/Events"),
        auth=AuthMode.WSSE,
        envelope_prefix="s",
        not_supported=NotSupported.EMPTY_ANSWER,
        fault_status=200,
        pull_points=5,
        time_zone="UTC5UTC",
        recording=RecordingHabits(
            lacks=frozenset({"FindRecordings", "FindEvents", "GetRecordings", "GetRecordingInformation"})
        ),
    ),
}
