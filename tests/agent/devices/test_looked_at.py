"""A write and a file go over the connection that was looked at; a password in clear goes nearly nowhere."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import marks
from agent.devices import OnvifRoom
from agent.devices.account import Account, Mode
from agent.devices.address import Endpoint
from agent.devices.doorplate import Doorplate
from agent.devices.habits import LooseLeaves
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Secret
from agent.services.register import DeviceRegister
from protocol.words import Reason
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_session import challenge, refusal
from tests.support.hostile import Hostile, answering, http, soap

REFERENCE = "11111111-2222-3333-4444-555555555555"
REFERENCE_ANSWER = (
    "<tds:GetEndpointReferenceResponse>"
    f"<tds:GUID>urn:uuid:{REFERENCE}</tds:GUID></tds:GetEndpointReferenceResponse>"
)
USERS = (
    "<tds:GetUsersResponse><tds:User><tt:Username>admin</tt:Username>"
    "<tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:GetUsersResponse>"
)
CLOCK = "<tds:GetSystemDateAndTimeResponse/>"
NEW_PASSWORD = "New-Pass-77"


def honest(request: bytes) -> bytes:
    if b"GetEndpointReference" in request:
        return http(soap(REFERENCE_ANSWER))
    if b"SetUser" in request:
        return http(soap("<tds:SetUserResponse/>"))
    return http(soap(USERS if b"GetUsers" in request else CLOCK))


class TwoBehindOneAddress:
    """Each connection is one device's to its end: an address changes hands between two of them."""

    def __init__(self, *, closes_silently: bool = False) -> None:
        self.got: list[tuple[int, bytes]] = []
        self._closes = closes_silently
        self._count = 0
        self._stop = threading.Event()

    def speak(self, sock: socket.socket, stop: threading.Event) -> None:
        """Serve one connection whose first request was read by the server."""
        number, self._count = self._count, self._count + 1
        sock.settimeout(0.1)
        request = self.device.requests[-1]
        while not stop.is_set():
            self.got.append((number, request))
            sock.sendall(honest(request))
            if self._closes:
                return
            read = _next_request(sock, stop)
            if read is None:
                return
            request = read

    @contextlib.contextmanager
    def running(self) -> Iterator[Hostile]:
        with Hostile(self.speak) as self.device:
            yield self.device


def _next_request(sock: socket.socket, stop: threading.Event) -> bytes | None:
    received = b""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            piece = sock.recv(65536)
            if not piece:
                return None
            received += piece
            head, blank, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if blank and len(body) >= int(length[1] if length else 0):
                return received
    return None


def room_that_knows() -> OnvifRoom:
    register = DeviceRegister(LooseLeaves())
    register.learn("cam", marks.made(reference=REFERENCE), near=marks.Marks())
    return OnvifRoom(limits=QUICK, register=register)


def test_a_write_goes_over_the_connection_that_was_looked_at() -> None:
    there = TwoBehindOneAddress()
    with there.running() as device:
        room = room_that_knows()
        row = a_device(port=device.port)
        room._account(row).mode = Mode.TOKEN
        with contextlib.closing(room.upkeep(row)) as upkeep:
            upkeep.accounts.set_password("admin", Secret(NEW_PASSWORD))
    writes = [number for number, request in there.got if b"SetUser" in request]
    looks = [number for number, request in there.got if b"GetEndpointReference" in request]
    assert len(writes) == 1
    assert writes[0] in looks


def test_a_file_goes_over_the_connection_that_was_looked_at() -> None:
    there = TwoBehindOneAddress()
    with there.running() as device:
        room = room_that_knows()
        row = a_device(port=device.port)
        session = Session(row, room._account(row), shared_services(), limits=QUICK)
        door = Endpoint(row.host, row.port, "/upgrade")
        with contextlib.closing(session):
            assert (
                session.upload("StartFirmwareUpgrade", door, io.BytesIO(b"image"), size_bytes=5).status == 200
            )
    assert [number for number, request in there.got if b"/upgrade" in request] == [0]


def test_a_server_that_says_keep_alive_and_closes_is_written_to_all_the_same() -> None:
    there = TwoBehindOneAddress(closes_silently=True)
    with there.running() as device:
        room = room_that_knows()
        row = a_device(port=device.port)
        room._account(row).mode = Mode.TOKEN
        with contextlib.closing(room.upkeep(row)) as upkeep:
            upkeep.accounts.set_password("admin", Secret(NEW_PASSWORD))
    assert len([request for _, request in there.got if b"SetUser" in request]) == 1


INFORMATION = (
    "<tds:GetDeviceInformationResponse><tds:Manufacturer>Hikvision</tds:Manufacturer><tds:Model>M</tds:Model>"
    "<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>{serial}</tds:SerialNumber>"
    "<tds:HardwareId>1</tds:HardwareId></tds:GetDeviceInformationResponse>"
)
SERVICES = (
    "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/device/wsdl"
    "</tds:Namespace><tds:XAddr>http://h/onvif/device_service</tds:XAddr>"
    "<tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
    "</tds:GetServicesResponse>"
)
SERIAL = "DS-2CD2012-I20150101"
MAC, OTHER_MAC = "28-57-BE-00-00-01", "66-66-66-66-66-66"


def climbed(
    tmp_path: Path, *, serial: str = SERIAL, mac: str | None, known: str = SERIAL, known_mac: str | None = MAC
) -> Reason:
    """A climb to one with the known reference that lets anybody in, telling ``serial`` at ``mac``."""

    def rule(request: bytes) -> bytes:
        if b"GetDeviceInformation" in request:
            return http(soap(INFORMATION.format(serial=serial)))
        return http(soap(SERVICES)) if b"GetServices" in request else honest(request)

    register = DeviceRegister(LooseLeaves())
    macs = [known_mac] if known_mac else []
    register.learn(
        "cam",
        marks.made(reference=REFERENCE, vendor="Hikvision", serial=known, macs=macs),
        near=marks.Marks(),
    )
    room = OnvifRoom(limits=QUICK, register=register)
    table = tmp_path / "arp"
    table.write_text("head\n" + (f"127.0.0.1 0x1 0x2 {mac.replace('-', ':')} * eth0\n" if mac else ""))
    with answering(rule) as device:
        row = a_device(port=device.port)
        room._account(row).doorplate = Doorplate(row, register, neighbours=table)
        with contextlib.closing(room.open(row)) as adapter:
            return adapter.climb().reason


def test_one_that_lets_anybody_in_and_hides_its_serial_is_another_where_the_mac_says_so(
    tmp_path: Path,
) -> None:
    assert climbed(tmp_path, serial="", mac=OTHER_MAC) is Reason.OTHER_DEVICE
    assert climbed(tmp_path, serial="", mac=OTHER_MAC, known="") is Reason.OTHER_DEVICE


def test_what_an_honest_device_does_is_no_contradiction(tmp_path: Path) -> None:
    assert climbed(tmp_path, mac=MAC) is Reason.OK
    assert climbed(tmp_path, mac=OTHER_MAC) is Reason.OK, "another interface: reference and serial agree"
    assert climbed(tmp_path, serial="", mac=None) is Reason.OK, "routed: no MAC is seen"
    assert climbed(tmp_path, serial="", mac=MAC) is Reason.OK
    assert climbed(tmp_path, serial="", mac=OTHER_MAC, known_mac=None) is Reason.OK


@pytest.mark.parametrize(("mac", "sent"), [(MAC, True), (None, True), (OTHER_MAC, False)])
def test_the_password_in_clear_goes_to_nobody_who_may_be_another(
    tmp_path: Path, mac: str | None, sent: bool
) -> None:
    def rule(request: bytes) -> bytes:
        if b"GET /" not in request:
            return honest(request)
        return http(b"") if b"Authorization" in request else refusal(401, b"", "Connection: close", BASIC)

    register = DeviceRegister(LooseLeaves())
    register.learn("cam", marks.made(reference=REFERENCE, macs=[MAC]), near=marks.Marks())
    table = tmp_path / "arp"
    table.write_text("head\n" + (f"127.0.0.1 0x1 0x2 {mac.replace('-', ':')} * eth0\n" if mac else ""))
    with answering(rule) as device:
        row = a_device(port=device.port)
        account = fresh_account()
        account.doorplate = Doorplate(row, register, neighbours=table)
        session = Session(row, account, shared_services(), limits=QUICK)
        with contextlib.closing(session), contextlib.suppress(DeviceError):
            session.get(Endpoint(row.host, row.port, "/snapshot"), cap_bytes=100)
        assert any(b"Authorization: Basic" in request for request in device.requests) is sent


BASIC = 'WWW-Authenticate: Basic realm="cam"'


def uploading(account: Account, *headers: str) -> tuple[DeviceTrouble | None, list[bytes]]:
    """What an upload that is answered 401 with these headers came to, and what was sent."""

    def rule(request: bytes) -> bytes:
        if b"Authorization" in request:
            return http(b"")
        return refusal(401, b"", "Connection: close", *headers)

    return _with(account, rule, lambda session, door: _upload(session, door))


def getting(account: Account, *headers: str) -> tuple[DeviceTrouble | None, list[bytes]]:
    """As ``uploading``, for a snapshot."""

    def rule(request: bytes) -> bytes:
        if b"Authorization" in request:
            return http(b"")
        return refusal(401, b"", "Connection: close", *headers)

    return _with(account, rule, lambda session, door: session.get(door, cap_bytes=100))


def _with(
    account: Account, rule: Callable[[bytes], bytes], step: Callable[[Session, Endpoint], object]
) -> tuple[DeviceTrouble | None, list[bytes]]:
    with answering(rule) as device:
        row = a_device(port=device.port)
        session = Session(row, account, shared_services(), limits=QUICK)
        kind = None
        with contextlib.closing(session):
            try:
                step(session, Endpoint(row.host, row.port, "/x"))
            except DeviceError as error:
                kind = error.kind
    sent = [line for request in device.requests for line in request.split(b"\r\n")]
    return kind, [line.split()[1] for line in sent if line.startswith(b"Authorization:")]


def _upload(session: Session, door: Endpoint) -> None:
    session.upload("StartFirmwareUpgrade", door, io.BytesIO(b"x"), size_bytes=1)


def fresh_account() -> Account:
    row = a_device()
    return Account(row.username, row.password, rest_s=600)


def digest_account() -> Account:
    account = fresh_account()
    account.mode = Mode.DIGEST
    account.accepted()
    return account


@pytest.mark.parametrize("ask", [uploading, getting])
def test_the_password_goes_in_clear_only_where_basic_is_asked_for_and_digest_was_never_taken(
    ask: Callable[..., tuple[DeviceTrouble | None, list[bytes]]],
) -> None:
    assert ask(fresh_account()) == (DeviceTrouble.BAD_ANSWER, [])
    assert ask(fresh_account(), "WWW-Authenticate: NTLM") == (DeviceTrouble.BAD_ANSWER, [])
    assert ask(fresh_account(), BASIC) == (None, [b"Basic"])
    assert ask(fresh_account(), BASIC, challenge()) == (None, [b"Digest"])
    assert ask(digest_account(), challenge()) == (None, [b"Digest"])


def test_a_device_that_took_digest_is_not_sent_the_password_in_clear() -> None:
    """SOAP behind Digest and snapshots behind Basic exist; files are uploaded as SOAP is asked."""
    assert uploading(digest_account(), BASIC) == (DeviceTrouble.BAD_ANSWER, [])
    assert getting(digest_account(), BASIC) == (None, [b"Basic"])
    account = fresh_account()
    assert getting(account, challenge()) == (None, [b"Digest"])
    assert getting(account, BASIC) == (DeviceTrouble.BAD_ANSWER, [])
