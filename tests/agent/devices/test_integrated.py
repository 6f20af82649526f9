"""Invariant 9: no write ever goes to a device of class INTEGRATED, on any path, now or in time to come.

Three proofs. Every operation this room can name is either listed here as reading or refused before a
connection is made. Every public call of settings and upkeep is listed as reading or writing, and the writing
ones reach no wire. No module but the transport (and those that only ask who is there) can open one.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest

import agent.devices
from agent.app import found_device
from agent.config import SearchSection
from agent.devices import Limits, OnvifRoom
from agent.devices import doorplate as doorplates
from agent.devices.account import Account
from agent.devices.address import Endpoint
from agent.devices.analysis import NAME, AnalysisNotes, AnalysisStream, Note
from agent.devices.habits import LooseLeaves
from agent.devices.session import Session, plain_question
from agent.devices.settings import DeviceSettings
from agent.devices.settings.change import SettingsAspect
from agent.devices.soap import element
from agent.devices.upkeep import Upkeep
from agent.devices.upkeep.files import Firmware
from agent.devices.upkeep.tours import Spot
from agent.devices.wsdl import NAMESPACES, shared_services, shipped_wsdls
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Value
from agent.marks import Marks, made
from agent.model import Device, Identity, Secret, StreamMeasure
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import DeviceRegister
from protocol.words import DeviceClass, Reason
from tests.agent.devices.builders import QUICK, a_device
from tests.support.hostile import Hostile, answering
from tests.support.virtual_county import RunningCounty, entry, running

ROOM = Path(agent.devices.__file__).parent
READS = {
    # What does not begin with Get and changes nothing on the device but our own subscription or search.
    "FindRecordings",
    "FindEvents",
    "EndSearch",
    "CreatePullPointSubscription",
    "PullMessages",
    "Renew",
    "Unsubscribe",
    "SetSynchronizationPoint",
}
WRITES = {
    "AddConfiguration",
    "AddVideoEncoderConfiguration",
    "AddVideoSourceConfiguration",
    "CreateOSD",
    "CreateProfile",
    "CreateUsers",
    "DeleteOSD",
    "DeleteProfile",
    "DeleteUsers",
    "CreatePresetTour",
    "GotoHomePosition",
    "GotoPreset",
    "ModifyPresetTour",
    "OperatePresetTour",
    "RemovePreset",
    "RemovePresetTour",
    "RestoreSystem",
    "SetDigitalInputConfigurations",
    "SetHomePosition",
    "SetHostname",
    "SetImagingSettings",
    "SetNTP",
    "SetNetworkProtocols",
    "SetOSD",
    "SetPreset",
    "SetRelayOutputSettings",
    "SetRelayOutputState",
    "SetSystemDateAndTime",
    "SetSystemFactoryDefault",
    "SetUser",
    "SetVideoEncoderConfiguration",
    "StartFirmwareUpgrade",
    "StartSystemRestore",
    "Stop",
    "SystemReboot",
    "UpgradeSystemFirmware",
}
"""Every operation of this room that changes a device. A new one makes the first test fail until listed."""
_ASKS = {
    "ask": 1,
    "call": 1,
    "operation": 1,
    "upload": 0,
    "plain_question": 0,
    "Question": 0,
    "_asked": 0,
    "_written": 0,
    "_with_file": 0,
}
"""Calls that send, and which of their arguments is the operation."""


def test_every_operation_the_room_can_send_is_known_to_read_or_to_write() -> None:
    named = operations_in(ROOM)
    assert {name for name in named if not name.startswith("Get")} == READS | WRITES


@pytest.fixture(scope="module")
def listener() -> Iterator[Hostile]:
    """A device that would answer; how often it is connected to is what is looked at."""
    with answering(lambda _request: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        yield server


INTEGRATED, FOUND = "integrated", "found"
READ_ONLY = pytest.mark.parametrize("kind", [INTEGRATED, FOUND])
"""Rows to which nothing is written: the police's, and those of which nobody said what they are."""


def read_only_row(host: str, port: int, kind: str) -> Device:
    if kind == INTEGRATED:
        return a_device(host, port, password="pass-word-1", device_class=DeviceClass.INTEGRATED)
    row = found_device("cam-1", host=host, port=port, search=SearchSection())
    return replace(row, username="admin", password=Secret("pass-word-1"))


@contextlib.contextmanager
def session_to(listener: Hostile, kind: str = INTEGRATED) -> Iterator[tuple[Session, Endpoint]]:
    device = read_only_row(listener.host, listener.port, kind)
    account = Account(device.username, device.password, rest_s=1)
    session = Session(device, account, shared_services(), limits=Limits())
    with contextlib.closing(session):
        yield session, Endpoint(listener.host, listener.port, "/onvif/device_service")


@READ_ONLY
def test_no_operation_of_any_wsdl_but_the_reading_ones_gets_past_the_session(
    listener: Hostile, kind: str
) -> None:
    """Not only those sent today: whatever ONVIF has."""
    refused = sorted(
        name for name in onvif_operations() | WRITES if not name.startswith("Get") and name not in READS
    )
    assert len(refused) > 150
    before = listener.connections
    with session_to(listener, kind) as (session, endpoint):
        for name in refused:
            question = plain_question(name, endpoint, element("urn:any", name), action="")
            for way in (
                lambda asked=question: session.ask(asked),
                lambda asked=question: session.faulty(asked),
                lambda asked=question: session.ask_for_file(asked),
                lambda asked=question: session.ask_with_file(asked, BytesIO(b"x"), size_bytes=1),
                lambda asked=name: session.upload(asked, endpoint, BytesIO(b"x"), size_bytes=1),
            ):
                with pytest.raises(DeviceError) as caught:
                    way()
                assert caught.value.kind is DeviceTrouble.READ_ONLY, name
    assert listener.connections == before


def test_a_reading_operation_does_get_past(listener: Hostile) -> None:
    """The proof above is worth nothing if nothing were ever sent."""
    before = listener.connections
    with session_to(listener) as (session, endpoint):
        question = plain_question("GetUsers", endpoint, element("urn:any", "GetUsers"), action="")
        with contextlib.suppress(DeviceError):
            session.ask(question)
    assert listener.connections > before


_FILE = Path(__file__)
_NOBODY = Identity(vendor="x", model="y", serial="z")
_SETTING: Mapping[str, Mapping[str, Value]] = {
    "time": {"zone": "CST-9"},
    "network": {"hostname": "x"},
    "encoder": {"sub.fps": 5},
    "imaging": {"brightness": 61},
    "osd": {"1.text": "x"},
    "io": {"relay.1.idle": "closed"},
}
CALLS: dict[str, Callable[[DeviceSettings, Upkeep], object]] = {
    "settings.time.synchronise": lambda settings, _: settings.time.synchronise(),
    "upkeep.accounts.add_own": lambda _, upkeep: upkeep.accounts.add_own(),
    "upkeep.accounts.remove_own": lambda _, upkeep: upkeep.accounts.remove_own(),
    "upkeep.accounts.set_level": lambda _, upkeep: upkeep.accounts.set_level("guard", "User"),
    "upkeep.accounts.set_password": lambda _, upkeep: upkeep.accounts.set_password("a", Secret("x" * 16)),
    "upkeep.power.reboot": lambda _, upkeep: upkeep.power.reboot(),
    "upkeep.power.factory_default": lambda _, upkeep: upkeep.power.factory_default(serial="1"),
    "upkeep.files.restore": lambda _, upkeep: upkeep.files.restore(_FILE, of=_NOBODY, force=True),
    "upkeep.files.upgrade": lambda _, upkeep: upkeep.files.upgrade(Firmware(_FILE, "0" * 64, "m", "v")),
    "upkeep.head.go_to": lambda _, upkeep: upkeep.head.go_to("1"),
    "upkeep.head.turn_to": lambda _, upkeep: upkeep.head.turn_to("1"),
    "upkeep.head.go_home": lambda _, upkeep: upkeep.head.go_home(),
    "upkeep.head.set_home": lambda _, upkeep: upkeep.head.set_home(),
    "upkeep.head.store": lambda _, upkeep: upkeep.head.store("x"),
    "upkeep.head.forget": lambda _, upkeep: upkeep.head.forget("1"),
    "upkeep.head.stop": lambda _, upkeep: upkeep.head.stop(),
    "upkeep.tours.make": lambda _, upkeep: upkeep.tours.make("x", (Spot("1"), Spot("2"))),
    "upkeep.tours.change": lambda _, upkeep: upkeep.tours.change("Tour_1", name="x"),
    "upkeep.tours.start": lambda _, upkeep: upkeep.tours.start("Tour_1"),
    "upkeep.tours.stop": lambda _, upkeep: upkeep.tours.stop("Tour_1"),
    "upkeep.tours.pause": lambda _, upkeep: upkeep.tours.pause("Tour_1"),
    "upkeep.tours.remove": lambda _, upkeep: upkeep.tours.remove("Tour_1"),
    "upkeep.contacts.switch": lambda _, upkeep: upkeep.contacts.switch("1", active=True),
}
"""Every public call that writes, with arguments that would do it; of the aspects see ``_SETTING``."""
READING_CALLS = {
    *(f"settings.{aspect}.{call}" for aspect in _SETTING for call in ("read", "allowed")),
    "upkeep.accounts.all",
    "upkeep.power.back_again",
    "upkeep.files.system_log",
    "upkeep.files.backup",
    "upkeep.head.presets",
    "upkeep.head.bearing",
    "upkeep.tours.listed",
    "upkeep.tours.options",
    "upkeep.contacts.relays",
    "upkeep.contacts.inputs",
}


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", kind="ptz_dome")) as started:
        yield started


@contextlib.contextmanager
def rooms(county: RunningCounty, kind: str = INTEGRATED) -> Iterator[tuple[DeviceSettings, Upkeep]]:
    device = county.device()
    row = read_only_row(device.ip, device.http_port, kind)
    room = OnvifRoom(limits=QUICK)
    with (
        contextlib.closing(room.settings(row)) as settings,
        contextlib.closing(room.upkeep(row)) as upkeep,
    ):
        yield settings, upkeep


def test_every_public_call_is_known_to_read_or_to_write(county: RunningCounty) -> None:
    with rooms(county) as (settings, upkeep):
        found = {
            f"settings.{name}.{call}" for name, aspect in settings.items() for call in public_calls(aspect)
        }
        for name, part in vars(upkeep).items():
            if not name.startswith("_"):
                found |= {f"upkeep.{name}.{call}" for call in public_calls(part)}
    assert found == READING_CALLS | CALLS.keys() | {f"settings.{name}.write" for name in _SETTING}


@READ_ONLY
@pytest.mark.parametrize("call", CALLS)
def test_a_writing_call_reaches_no_wire(county: RunningCounty, call: str, kind: str) -> None:
    with rooms(county, kind) as (settings, upkeep):
        before = county.device().counters["requests"]
        with pytest.raises(DeviceError) as caught:
            CALLS[call](settings, upkeep)
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert county.device().counters["requests"] == before


@READ_ONLY
@pytest.mark.parametrize("aspect", _SETTING)
def test_a_written_setting_reaches_no_wire(county: RunningCounty, aspect: str, kind: str) -> None:
    with rooms(county, kind) as (settings, _upkeep):
        before = county.device().counters["requests"]
        with pytest.raises(DeviceError) as caught:
            settings[aspect].write(_SETTING[aspect], confirmed=True)
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert county.device().counters["requests"] == before


@READ_ONLY
def test_a_password_is_not_changed(county: RunningCounty, kind: str) -> None:
    device = county.device()
    row = read_only_row(device.ip, device.http_port, kind)
    before = county.device().counters["requests"]
    with pytest.raises(DeviceError) as caught:
        OnvifRoom(limits=QUICK)._set_password(row, Secret("New-pass-word-2"))
    assert caught.value.kind is DeviceTrouble.READ_ONLY
    assert "[[device]]" in caught.value.detail
    assert county.device().counters["requests"] == before


@dataclass(frozen=True)
class _Double:
    room: OnvifRoom
    register: DeviceRegister
    police: Device
    new: Device


@contextlib.contextmanager
def double(county: RunningCounty, folder: Path, marks: Marks | None = None) -> Iterator[_Double]:
    """The police's camera is in the ledger and known; its address is typed for a new camera once more."""
    device = county.device()
    police = read_only_row(device.ip, device.http_port, INTEGRATED)
    new = replace(police, id="new", device_class=DeviceClass.SMART_CAMERA, password=Secret("another-1"))
    with contextlib.closing(SqliteNotebook(folder / "notebook.db")) as book:
        register = DeviceRegister(book)
        register.keep_to([police, new])
        room = OnvifRoom(limits=QUICK, notebook=book, register=register)
        if marks is None:
            with contextlib.closing(room.open(police)) as adapter:
                assert adapter.climb().reason is Reason.OK
        else:
            register.learn(police.id, marks, near=Marks())
        yield _Double(room, register, police, new)


def tries(county: RunningCounty) -> int:
    told = county.device().counters
    return sum(count for name, count in told.items() if name.startswith("auth_wrong"))


@pytest.mark.parametrize("right", [False, True])
def test_a_second_row_for_an_integrated_device_gets_nowhere(
    county: RunningCounty, tmp_path: Path, right: bool
) -> None:
    """Neither its log-in nor a write reaches the camera, whichever password it has."""
    with double(county, tmp_path) as there:
        row = replace(there.new, password=there.police.password) if right else there.new
        device, before = county.device(), tries(county)
        asked = device.counters["op_GetDeviceInformation"]
        with contextlib.closing(there.room.open(row)) as adapter:
            assert adapter.climb().reason is Reason.OTHER_DEVICE
        with contextlib.closing(there.room.settings(row)) as settings:
            for act in (settings["imaging"].read, lambda: settings["imaging"].write({"brightness": 71})):
                with pytest.raises(DeviceError) as caught:
                    act()
                assert caught.value.kind is DeviceTrouble.OTHER_DEVICE
                assert there.police.id in caught.value.detail
        assert (tries(county), device.counters["op_GetDeviceInformation"]) == (before, asked)
        assert device.counters["op_SetImagingSettings"] == 0


@pytest.mark.parametrize("known", [False, True])
def test_a_row_with_marks_of_an_integrated_device_is_only_read(
    county: RunningCounty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """One that answers by a second interface may be itself or a clone: it is read, and not written to."""
    device = county.device()
    reference, elsewhere = device.identity.uuid, "44-19-B6-00-00-99"
    if not known:
        monkeypatch.setattr(doorplates, "mac_at", lambda _host, _file: "44-19-B6-00-00-98")
    police = made(reference=reference, macs=[elsewhere])
    with double(county, tmp_path, police) as there:
        if known:
            there.register.learn("new", made(reference=reference), near=Marks())
        row = replace(there.new, password=there.police.password)
        with contextlib.closing(there.room.settings(row)) as settings:
            assert settings["imaging"].read()
            with pytest.raises(DeviceError) as caught:
                settings["imaging"].write({"brightness": 71})
            assert caught.value.kind is DeviceTrouble.READ_ONLY
        upkeep = there.room.upkeep(row)
        with contextlib.closing(upkeep), pytest.raises(DeviceError) as caught:
            upkeep.power.reboot()
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        counted = (device.counters["op_SetImagingSettings"], device.counters["op_SystemReboot"])
        assert counted == (0, 0)


def test_one_that_shows_nothing_is_asked_who_it_is_before_it_is_written_to(
    county: RunningCounty, tmp_path: Path
) -> None:
    """Some makes show strangers nothing, and one fleet has one password."""
    device = county.device()
    told = device.identity
    police = made(vendor=told.manufacturer, serial=told.serial)
    with double(county, tmp_path, police) as there:
        row = replace(there.new, password=there.police.password)
        with contextlib.closing(there.room.upkeep(row)) as upkeep, pytest.raises(DeviceError) as caught:
            upkeep.power.reboot()
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert device.counters["op_SystemReboot"] == 0


def test_the_first_question_of_a_session_is_no_write_to_an_integrated_device(
    county: RunningCounty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown on the connection that is made for a write still stops it."""
    device = county.device()
    monkeypatch.setattr(doorplates, "mac_at", lambda _host, _file: "44-19-B6-00-00-98")
    police = made(reference=device.identity.uuid, macs=["44-19-B6-00-00-99"])
    with double(county, tmp_path, police) as there:
        account = there.room._account(replace(there.new, password=there.police.password))
        session = Session(there.new, account, shared_services(), limits=QUICK)
        with contextlib.closing(session), pytest.raises(DeviceError) as caught:
            session.call("devicemgmt", "SystemReboot", session.device_service)
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert device.counters["op_SystemReboot"] == 0


ANALYSIS: dict[str, Callable[[AnalysisStream], object]] = {
    "plan": lambda stream: stream.plan(),
    "apply": lambda stream: stream.apply(_never_looked),
    "undo": lambda stream: stream.undo(),
}
"""Every public call of the analysis stream: even the plan is for devices that may be written to."""


def _never_looked(_token: str) -> StreamMeasure:
    raise AssertionError("nothing was made that could be looked at")


@READ_ONLY
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("call", ANALYSIS)
def test_no_analysis_stream_is_planned_made_or_undone(
    county: RunningCounty, call: str, kind: str, shared: bool
) -> None:
    device = county.device()
    row = read_only_row(device.ip, device.http_port, kind)
    notebook = LooseLeaves()
    AnalysisNotes(notebook).write(row.id, Note("main", NAME, made=True, encoder="VideoEncoder_main"))
    before = device.counters["requests"]
    with contextlib.closing(OnvifRoom(limits=QUICK, notebook=notebook).analysis(row)) as stream:
        assert public_calls(stream) == {*ANALYSIS, "close"}
        with pytest.raises(DeviceError) as caught:
            if shared and call != "undo":
                getattr(stream, call)(*([_never_looked] if call == "apply" else []), shared=True)
            else:
                ANALYSIS[call](stream)
    assert (caught.value.kind, device.counters["requests"]) == (DeviceTrouble.READ_ONLY, before)


@READ_ONLY
def test_no_key_frame_is_asked_for(county: RunningCounty, kind: str) -> None:
    device = county.device()
    row = read_only_row(device.ip, device.http_port, kind)
    with contextlib.closing(OnvifRoom(limits=QUICK).open(row)) as adapter:
        adapter.stream_uri()
        before = device.counters["requests"]
        assert not adapter.ask_key()
    assert (device.counters["requests"], county.lens().keys_asked) == (before, [])


@READ_ONLY
@pytest.mark.parametrize("service", ["media", "media2"])
def test_what_reads_for_events_writes_for_media_and_is_refused(
    listener: Hostile, kind: str, service: str
) -> None:
    """SetSynchronizationPoint: of a pull point it repeats states, of a profile it makes an encoder act."""
    before = listener.connections
    with session_to(listener, kind) as (session, endpoint):
        content = element(NAMESPACES[service], "SetSynchronizationPoint")
        question = plain_question("SetSynchronizationPoint", endpoint, content, action="")
        for way in (
            lambda: session.ask(question),
            lambda: session.faulty(question),
            lambda: session.ask_for_file(question),
            lambda: session.ask_with_file(question, BytesIO(b"x"), size_bytes=1),
        ):
            with pytest.raises(DeviceError) as caught:
                way()
            assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert listener.connections == before
        content = element(NAMESPACES["events"], "SetSynchronizationPoint")
        question = plain_question("SetSynchronizationPoint", endpoint, content, action="")
        with contextlib.suppress(DeviceError):
            session.ask(question)
    assert listener.connections > before


@READ_ONLY
def test_no_scorecard_writes(county: RunningCounty, kind: str) -> None:
    device = county.device()
    before = device.counters["requests"]
    with pytest.raises(DeviceError) as caught:
        OnvifRoom(limits=QUICK).examine(read_only_row(device.ip, device.http_port, kind), write=True)
    assert (caught.value.kind, device.counters["requests"]) == (DeviceTrouble.READ_ONLY, before)


_NETWORK = re.compile(
    r"(socket|ssl|select|selectors|asyncio|subprocess|ctypes|http|requests|aiohttp|httpx|urllib3|urllib\.request"
    r"|zeep|ftplib|smtplib|paramiko|pycurl)(\.|$)"
)
MAY = {
    "transport": {"http.client", "socket", "ssl"},
    "tls": {"ssl"},
    "icmp": {"socket"},
    "sip": {"socket", "selectors"},
    "sip_message": set(),
    "probe_series": {"socket", "select", "selectors"},
    "discovery": {"socket", "selectors"},
    "survey": {"socket", "selectors"},
    "wsdl": {"zeep", "zeep.exceptions", "zeep.transports"},
}
"""Who may hold what reaches the network. All but ``transport`` ask who is there and can change nothing: SIP
OPTIONS, ICMP, WS-Discovery, a connection opened and closed. zeep reads WSDLs from disk, offline."""


def test_no_module_but_the_transport_can_reach_a_device() -> None:
    found = {}
    for path, tree in trees(ROOM):
        reach = {name for name in imports_of(tree) if _NETWORK.match(name)}
        if not reach <= MAY.get(path.stem, set()):
            found[path.stem] = reach
    assert found == {}


SAYS = {"transport", "tls", "rtsp", "sip", "icmp", "discovery", "probe_series", "survey"}
"""Who says anything over a connection: SOAP through the session, DESCRIBE, OPTIONS, echo, Probe."""


def test_whoever_else_opens_a_connection_says_nothing_over_it() -> None:
    saying = {
        path.stem
        for path, tree in trees(ROOM)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("send", "sendall", "sendto", "sendmsg", "sendfile")
    }
    assert saying <= SAYS


def test_what_is_said_over_rtsp_changes_nothing() -> None:
    methods = set(re.findall(r"[\"']([A-Z_]{5,})[\"']", (ROOM / "rtsp.py").read_text("utf-8")))
    assert methods == {"OPTIONS", "DESCRIBE"}


def test_only_a_session_makes_a_transport() -> None:
    makers = {
        path.stem
        for path, tree in trees(ROOM)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Transport"
    }
    assert makers == {"session"}


def test_a_session_asks_whether_it_may_before_it_sends() -> None:
    """Every method of the session that reaches the transport is private, begins with the question, or asks
    only who is there (``recognise``)."""
    tree = ast.parse((ROOM / "session.py").read_text("utf-8"))
    session = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Session")
    sending = {
        method.name: ast.unparse(method)
        for method in session.body
        if isinstance(method, ast.FunctionDef) and "self.transport." in ast.unparse(method)
    }
    assert sending.keys() == {
        *("_sent", "_got", "_uploaded", "_with_file", "close"),
        *("__init__", "recognise", "_trying"),
    }
    assert sending["_trying"].count("self.transport.") == sending["_trying"].count("self.transport.left_s()")
    assert "self.transport.introduce = " in sending["__init__"]
    asking = {
        method.name: ast.unparse(method) for method in session.body if isinstance(method, ast.FunctionDef)
    }
    assert [name for name, text in asking.items() if "self._with_file(" in text] == ["ask_with_file"]
    assert "_require_allowed" in asking["ask_with_file"]


def public_calls(part: object) -> set[str]:
    """Methods by which somebody outside asks something of a part; ``name`` and the like are no calls."""
    ignored = {"name", "rounds", "mro", "register"} if isinstance(part, SettingsAspect) else set()
    return {
        name
        for name in dir(part)
        if not name.startswith("_") and name not in ignored and callable(getattr(part, name))
    }


def operations_in(folder: Path) -> set[str]:
    """Every operation named in the sources: known to some WSDL, or handed to what asks."""
    known = onvif_operations()
    found: set[str] = set()
    for _, tree in trees(folder):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known:
                found.add(node.value)
            if isinstance(node, ast.Call):
                index = _ASKS.get(ast.unparse(node.func).rpartition(".")[2], len(node.args))
                asked = node.args[index] if index < len(node.args) else None
                if isinstance(asked, ast.Constant) and isinstance(asked.value, str) and asked.value.isalpha():
                    found.add(asked.value)
    return found


def onvif_operations() -> set[str]:
    """All operations of the shipped WSDLs and of Media2, which ships none."""
    text = "".join(path.read_text("utf-8", "replace") for path in shipped_wsdls().glob("*.wsdl"))
    named = set(re.findall(r"<(?:wsdl:)?operation\s+name=[\"'](\w+)[\"']", text))
    return named | {
        "CreateOSD",
        "SetOSD",
        "DeleteOSD",
        "SetDigitalInputConfigurations",
        "CreateMask",
        "AddConfiguration",
    }


def trees(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
