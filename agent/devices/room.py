"""Opens the way to any device: decides in which protocol it is spoken to, and shares what can be.

Law: the WSDLs are parsed once for the process, and a device has one log-in, whoever asks.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from agent.devices import discovery, sentences
from agent.devices.account import Account
from agent.devices.adapter import OnvifAdapter
from agent.devices.address import place_of
from agent.devices.analysis import AnalysisNotes, AnalysisStream
from agent.devices.conference import ConferenceAdapter
from agent.devices.device_state import StateBook
from agent.devices.doorplate import Doorplate, shown_marks
from agent.devices.events import NoEvents, PullPoint
from agent.devices.habits import HabitBook
from agent.devices.head_watch import OnvifHeadWatch
from agent.devices.identity import read_device_information
from agent.devices.limits import Limits
from agent.devices.login_memory import STREAM_REST_TOPIC, LoginMemory
from agent.devices.notifications import Tally
from agent.devices.pins import Pins
from agent.devices.preset_head import OnvifPresetHead
from agent.devices.recordings import RecordingReader
from agent.devices.rtsp import RtspAdapter
from agent.devices.scorecard import Card, Examiner, Mark, Pace, Scorecards
from agent.devices.scorecard.examiner import with_writing
from agent.devices.scorecard.writing import Tools
from agent.devices.session import Session
from agent.devices.settings import DeviceSettings
from agent.devices.storage import StorageWatch
from agent.devices.strange_topics import StrangeBook, Strangers
from agent.devices.survey import UNUSABLE, Kind, Ports, Surveyed, asked, shut, survey
from agent.devices.trust import Trust
from agent.devices.upkeep import Upkeep
from agent.devices.upkeep.password import PasswordChange
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.marks import Marks
from agent.model import Device, DeviceReading, Identity, RecordingReport, Secret
from agent.ports import (
    DeviceAdapter,
    EventSubscription,
    Found,
    HeadWatch,
    Notebook,
    Register,
    Unusable,
    Vault,
)
from protocol.words import DeviceClass


class OnvifRoom:
    """Implements DeviceRoom. Thread-safe."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        notebook: Notebook | None = None,
        register: Register | None = None,
        ledger: Callable[[], Iterable[Device]] = tuple,
    ) -> None:
        """``notebook`` keeps what a restart must not forget; ``register`` tells devices from each other, so
        that no password goes to another device at an address. Without them all is forgotten and trusted.
        ``ledger`` has every row where it is now, opened or not: its ports are asked for no other row."""
        self._notebook = notebook
        self._pins = Pins(notebook)
        self._habits = HabitBook(notebook)
        self._analysis = AnalysisNotes(self._habits.notebook)
        self._register = register
        self._ledger = ledger
        self._limits = limits or Limits()
        self._services = shared_services()
        self._accounts: dict[str, tuple[Device, Account]] = {}
        self._tally = Tally()
        self._states = StateBook(notebook)
        self._strangers = StrangeBook(notebook)
        self.storage = StorageWatch()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Parse the WSDLs every device needs now (1 s of CPU), not at the first climb."""
        self._services.prepare()

    def open(self, device: Device) -> DeviceAdapter:
        """The adapter: SIP for a conference endpoint, RTSP where a path is given, else ONVIF."""
        account = self._account(device)
        if device.is_conference:
            return ConferenceAdapter(device, account, limits=self._limits)
        stream = self._stream_account(device)
        if device.stream_path is not None:
            return RtspAdapter(device, account, limits=self._limits, stream=stream, register=self._register)
        return self._onvif_adapter(device, account, stream)

    def _onvif_adapter(self, device: Device, account: Account, stream: Account) -> OnvifAdapter:
        return OnvifAdapter(
            device, account, self._services, limits=self._limits, stream=stream, analysis=self._analysis
        )

    def analysis(self, device: Device) -> AnalysisStream:
        """The analysis stream of a device. Raises DeviceError NOT_SUPPORTED for one without ONVIF."""
        self._require_onvif(device)
        account = self._account(device)
        return AnalysisStream(device, account, self._services, self._analysis, limits=self._limits)

    def profile_uri(self, device: Device, token: str) -> str:
        """The address of one profile's stream, without user name. Raises DeviceError."""
        self._require_onvif(device)
        stream = self._stream_account(device)
        with contextlib.closing(self._onvif_adapter(device, self._account(device), stream)) as adapter:
            return adapter.profile_uri(token)

    def subscribe(self, device: Device) -> EventSubscription:
        """The pull point of one device; nothing is sent before the first ``pull``."""
        if device.is_conference or device.stream_path is not None:
            return NoEvents(device)
        return PullPoint(
            device,
            self._account(device),
            self._services,
            limits=self._limits,
            tally=self._tally,
            notebook=self._notebook,
            states=self._states,
            strangers=self._strangers,
            storage=self.storage,
        )

    def settings(self, device: Device) -> DeviceSettings:
        """What can be set on a device, by aspect. Raises DeviceError NOT_SUPPORTED for one without ONVIF."""
        self._require_onvif(device)
        own = self._analysis.encoder_of(device.id)
        account = self._account(device)
        return DeviceSettings(device, account, self._services, limits=self._limits, own_encoder=own)

    def recordings(
        self, device: Device, *, days: int = 30, stop: threading.Event | None = None
    ) -> RecordingReport:
        """What a device recorded in the last ``days`` days; within ``Limits.recordings_s``. A read: nothing
        is changed. ``stop`` ends it early. Raises DeviceError; NOT_SUPPORTED for one without ONVIF."""
        self._require_onvif(device)
        session = Session(device, self._account(device), self._services, limits=self._limits)
        with contextlib.closing(session):
            report = RecordingReader(session, stop=stop).read(days=days)
        return replace(report, disk=self.storage.disk(device.id)) if report.offered else report

    def upkeep(self, device: Device) -> Upkeep:
        """What can be done with a device. Raises DeviceError NOT_SUPPORTED for one without ONVIF."""
        self._require_onvif(device)
        return Upkeep(device, self._account(device), self._services, limits=self._limits)

    def trust(self, device: Device) -> Trust:
        """The certificate a device must show, and the one it shows. Raises DeviceError NOT_SUPPORTED for one
        without TLS."""
        return Trust(device, self._pins, limits=self._limits)

    def examine(
        self,
        device: Device,
        *,
        write: bool = False,
        told: Callable[[Mark], None] = lambda _mark: None,
        pace: Pace | None = None,
    ) -> Card:
        """What a device claims and does; with ``write`` also what it keeps, put back afterwards.

        Raises DeviceError: NOT_SUPPORTED without ONVIF, READ_ONLY for ``write`` where the class forbids it,
        and what keeps the device from being asked at all.
        """
        self._require_onvif(device)
        if write and not device.writable:
            detail = sentences.read_only(place_of(device), "scorecard --write")
            raise DeviceError(DeviceTrouble.READ_ONLY, device.id, detail)
        account = self._account(device)
        examiner = Examiner(device, account, self._services, limits=self._limits, pace=pace)
        with contextlib.closing(examiner):
            card = examiner.examine(told)
        if not write:
            return card
        with (
            contextlib.closing(self.settings(device)) as aspects,
            contextlib.closing(self.upkeep(device)) as upkeep,
            contextlib.closing(self.open(device)) as adapter,
        ):
            tools = Tools(device.id, aspects, upkeep.head, adapter.snapshot, lambda: account.clock_error_s)
            return with_writing(card, tools, told)

    @property
    def scorecards(self) -> Scorecards:
        """The cards kept by make."""
        return Scorecards(self._habits.notebook)

    def watch_head(self, device: Device) -> HeadWatch:
        """The moving head of a device. Raises DeviceError NOT_SUPPORTED for one without ONVIF."""
        return OnvifHeadWatch(self.upkeep(device), device)

    def preset_head(self, device: Device) -> OnvifPresetHead:
        """The head of a device, to be turned to its presets. Raises DeviceError NOT_SUPPORTED for one without
        ONVIF."""
        return OnvifPresetHead(self.upkeep(device), self.open(device))

    def password_change(self, vault: Vault) -> PasswordChange:
        """The two phases of changing a device's password, through this room."""
        return PasswordChange(vault, self._proved, self._set_password)

    def _proved(self, device: Device) -> None:
        """One log-in with one try, on an account of its own: a rest of the usual one does not hold it up."""
        account = Account(
            device.username, device.password, rest_s=self._limits.refused_pause_s, pins=self._pins
        )
        account.doorplate = self._doorplate(device)
        session = Session(device, account, self._services, limits=self._limits)
        with contextlib.closing(session), session.transport.within(self._limits.total_s):
            session.clock()
            read_device_information(session)

    def _set_password(self, device: Device, password: Secret) -> None:
        with contextlib.closing(self.upkeep(device)) as upkeep:
            upkeep.accounts.set_password(device.username, password)

    def rebound(self, device: Device) -> None:
        """The device has another address: a refusal by whoever answered at the old one is void."""
        with self._lock:
            held = self._accounts.pop(device.id, None)
            if held is not None:
                held[1].retire()
        if self._notebook is not None:
            LoginMemory(self._notebook, device.id).lifted()
            LoginMemory(self._notebook, device.id, rest_topic=STREAM_REST_TOPIC).lifted()

    def forget(self, device: str) -> None:
        """The device is no longer looked after: nothing of it stays in memory."""
        with self._lock:
            held = self._accounts.pop(device, None)
        if held is not None:
            held[1].retire()
        self._states.forget(device)
        self._strangers.forget(device)
        self._habits.forget(device)
        self.storage.forget(device)

    def look_at(self, host: str, port: int) -> Marks | None:
        """The marks of whoever answers at an address, without a log-in; None when nobody does.

        Asked in plain text, and over TLS where that is no way to speak to it, both within ``Limits.look_s``;
        no pin is kept of a stranger.
        """
        ends_s = time.monotonic() + self._limits.look_s
        for tls in (False, True):
            left_s = ends_s - time.monotonic()
            if left_s <= 0:
                break
            stranger = Device(f"at-{host}", DeviceClass.INTEGRATED, host, port, tls=tls)
            account = Account("", Secret(""), rest_s=0, pins=Pins())
            session = Session(stranger, account, self._services, limits=self._limits)
            with contextlib.closing(session), session.transport.within(left_s):
                try:
                    return shown_marks(session)
                except DeviceError as error:
                    if error.kind is DeviceTrouble.UNREACHABLE:
                        return Marks() if tls else None
                    if error.kind not in (DeviceTrouble.NO_ONVIF, DeviceTrouble.BAD_ANSWER):
                        return Marks()
        return Marks()

    def discover(self, subnets: Iterable[str]) -> Sequence[Found]:
        """Devices that answer WS-Discovery. Raises ValueError for what is no IPv4 subnet."""
        return discovery.discover(subnets, limits=self._limits)

    def survey(
        self, subnets: Iterable[str], *, gentle: bool = False, ports: Ports | None = None
    ) -> Sequence[Surveyed]:
        """Who answers at the addresses of the subnets, and as what. Raises ValueError for no IPv4 subnet."""
        return survey(subnets, self._services, limits=self._limits, gentle=gentle, ports=ports)

    def asked(self, announced: Iterable[Found]) -> Sequence[Surveyed]:
        """What those who announce themselves are, asked without a password."""
        return asked(announced, self._services, limits=self._limits)

    def shut(self, announced: Iterable[Found]) -> frozenset[str]:
        """The hosts that take a connection at none of the ports they announce: their door is another one."""
        return shut(announced)

    def knock(
        self,
        subnets: Iterable[str],
        *,
        leave: Collection[str],
        unusable: Callable[[Unusable], None] = lambda _one: None,
        ports: Ports | None = None,
    ) -> Sequence[Found]:
        """ONVIF devices that do not announce themselves, one address after the other; ``leave`` are known.

        Devices that cannot be taken in as they are go to ``unusable``.
        """
        surveyed = survey(subnets, self._services, limits=self._limits, gentle=True, leave=leave, ports=ports)
        for one in surveyed:
            if one.kind in UNUSABLE:
                unusable(Unusable(one.host, one.kind, one.make_hint, one.detail))
        onvif = [one for one in surveyed if one.kind is Kind.ONVIF]
        looked = [(one, self.look_at(one.host, one.port)) for one in onvif]
        return [
            Found(
                min(met.references, default=""),
                "",
                one.host,
                one.port,
                mac_address=min(met.macs, default=None),
                tls=one.tls,
            )
            for one, met in looked
            if met is not None
        ]

    def counts(self) -> Mapping[tuple[str, str], int]:
        """What the cameras' events held that was not passed on: (kind, topic) to count. Bounded."""
        return self._tally.counts()

    def readings(self, device: str) -> Sequence[DeviceReading]:
        """The latest values a device told of itself, by ledger id; those of the notebook if none came yet."""
        return self._states.of(device)

    def strange_topics(self) -> Mapping[str, Strangers]:
        """What each device told that nobody knows, by ledger id."""
        return self._strangers.all()

    @staticmethod
    def _require_onvif(device: Device) -> None:
        if device.is_conference or device.stream_path is not None:
            detail = sentences.not_supported(place_of(device), "ONVIF")
            raise DeviceError(DeviceTrouble.NOT_SUPPORTED, device.id, detail)

    def _account(self, device: Device) -> Account:
        """The device's log-in; a new one when address or credentials changed, for then a rest is void."""
        with self._lock:
            held = self._accounts.get(device.id)
            if held is not None and _same_login(held[0], device):
                return held[1]
            if held is not None:
                held[1].retire()
            memory = None if self._notebook is None else LoginMemory(self._notebook, device.id)
            account = Account(
                device.username,
                device.password,
                rest_s=self._limits.refused_pause_s,
                memory=memory,
                pins=self._pins,
                habits=self._habits.of(device.id),
            )
            account.doorplate = self._doorplate(device)
            account.neighbour_ports = lambda: self._ports_of_others(device)
            self._accounts[device.id] = (device, account)
            return account

    def _stream_account(self, device: Device) -> Account:
        """The same log-in at the video service, with a rest of its own."""
        memory = None
        if self._notebook is not None:
            memory = LoginMemory(self._notebook, device.id, rest_topic=STREAM_REST_TOPIC)
        rest_s = self._limits.refused_pause_s
        return Account(device.username, device.password, rest_s=rest_s, memory=memory)

    def _ports_of_others(self, device: Device) -> frozenset[int]:
        with self._lock:
            opened = [row for row, _ in self._accounts.values()]
        rows = (row for row in (*opened, *self._ledger()) if row.host == device.host)
        return frozenset(port for row in rows if row.id != device.id for port in _ports_of(row))

    def _doorplate(self, device: Device) -> Doorplate | None:
        return None if self._register is None else Doorplate(device, self._register)


def identify(device: Device, *, limits: Limits | None = None) -> Identity | str:
    """Who a device is, or the sentence that says why that cannot be told."""
    adapter = OnvifRoom(limits=limits).open(device)
    try:
        return adapter.identity()
    except DeviceError as error:
        return error.detail
    finally:
        adapter.close()


def _ports_of(device: Device) -> tuple[int, ...]:
    """Where a row is spoken to; what it has no use for keeps its usual value and is nobody's."""
    if device.is_conference:
        return (device.sip_port,)
    return (device.rtsp_port,) if device.stream_path is not None else (device.port, device.rtsp_port)


def _same_login(known: Device, device: Device) -> bool:
    return (known.host, known.port, known.username, known.password) == (
        device.host,
        device.port,
        device.username,
        device.password,
    )
