"""What is at every address of a subnet, before anybody logs in: ports tried, and whoever answers told apart.

    port 80 and 554 of every address ──somebody there──> the other ports ──open──> ONVIF? RTSP? a web page?
                                                                         └─neither─> SIP? one datagram

Law: nothing outside the given subnets is touched; no credential is sent; few connections at a time, and one
host after the other is asked where a gentle survey is wanted. The MAC comes from the kernel's neighbour table
after the fact: nothing is sent for it.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.devices import search_sentences, sentences, sip
from agent.devices.account import Account
from agent.devices.identity import read_device_information
from agent.devices.limits import Deadline, Limits
from agent.devices.neighbours import neighbours
from agent.devices.oui import make_of
from agent.devices.pins import Pins
from agent.devices.session import Session
from agent.devices.subnets import planned, tell_left
from agent.devices.transport import connect
from agent.devices.wsdl import Services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.ports import Found
from protocol.words import DeviceClass

HTTP_PORTS = (80, 8000, 8080, 8899, 2020)
"""ONVIF's usual doors: most makes 80, OEM 8000 and 8080, XiongMai 8899, TP-Link 2020."""
HTTPS_PORTS = (443,)
"""Asked where no plain door speaks ONVIF: whoever gives HTTPS alone has it here."""
RTSP_PORT, SIP_PORT = 554, 5060
_WINDOW, _GENTLE_WINDOW = 256, 64
"""Knocks under way, each at another host: old devices are spared being asked, not knocked at."""
_CONNECT_S = 0.8
_ASK_S = 3.0
_ASKERS = 16


class Kind(StrEnum):
    """What answers at an address."""

    ONVIF = "onvif"
    NOT_ACTIVATED = "not_activated"
    ONVIF_OFF = "onvif_off"
    """A web page and a video service, and no ONVIF: it is switched off on most makes."""
    RTSP_ONLY = "rtsp_only"
    CONFERENCE = "conference"
    """Answers SIP, and neither ONVIF nor RTSP."""
    OTHER = "other"


UNUSABLE = (Kind.NOT_ACTIVATED, Kind.ONVIF_OFF, Kind.RTSP_ONLY, Kind.CONFERENCE)
"""Devices that somebody has to do something about before they are watched."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One address where somebody answered. ``port`` is its ONVIF or web port, 0 when it has none."""

    host: str
    kind: Kind
    port: int = 0
    open_ports: tuple[int, ...] = ()
    mac_address: str | None = None
    make_hint: str = ""
    detail: str = ""
    tls: bool = False
    """ONVIF is spoken over HTTPS at ``port``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Which ports are tried; tests use their own."""

    http: tuple[int, ...] = HTTP_PORTS
    rtsp: int = RTSP_PORT
    https: tuple[int, ...] = ()
    sip: int = 0
    """0 where nobody is asked for SIP."""

    @classmethod
    def usual(cls) -> Ports:
        """Those of the makes met in villages."""
        return cls(https=HTTPS_PORTS, sip=SIP_PORT)


def survey(
    subnets: Iterable[str],
    services: Services,
    *,
    limits: Limits,
    gentle: bool = False,
    ports: Ports | None = None,
    leave: Collection[str] = (),
) -> Sequence[Surveyed]:
    """Everybody who answers, by address, but those to ``leave`` alone. Raises ValueError for no IPv4 subnet.

    Of each subnet at most 1,024 addresses, what is left out is logged; those that are silent cost 0.8 s for
    each 256 knocks (64 gently), two knocks an address: 7 s a /22, 16 of them two minutes (gently seven).
    """
    tried = ports or Ports.usual()
    plan = planned(subnets)
    tell_left(plan.left)
    hosts = [host for host in plan.hosts if host not in leave]
    window = _GENTLE_WINDOW if gentle else _WINDOW
    first = {*tried.http[:1], tried.rtsp}
    states = _knocked([(host, port) for port in first for host in hosts], window)
    alive = [host for host in hosts if any((host, port) in states for port in first)]
    rest = [port for port in (*tried.http, *tried.https) if port not in first]
    states |= _knocked([(host, port) for port in rest for host in alive], window)
    macs = neighbours()

    def told(host: str) -> Surveyed:
        known = (*tried.http, *tried.https, tried.rtsp)
        open_ports = tuple(port for port in known if states.get((host, port)))
        mac = macs.get(host)
        found = _told_apart(host, open_ports, services, limits=limits, tried=tried)
        return replace(found, open_ports=open_ports, mac_address=mac, make_hint=make_of(mac))

    opened = {host for (host, _), is_open in states.items() if is_open}
    answering = [host for host in alive if host in opened]
    with ThreadPoolExecutor(1 if gentle else _ASKERS, thread_name_prefix="survey") as askers:
        seen = {one.host: one for one in askers.map(told, answering)}
    quiet = [host for host in alive if host not in seen or seen[host].kind is Kind.OTHER] if tried.sip else []
    for host, agent in sip.agents_of(quiet, port=tried.sip).items():
        one = seen.get(host) or Surveyed(
            host, Kind.OTHER, mac_address=macs.get(host), make_hint=make_of(macs.get(host))
        )
        detail = search_sentences.conference(f"{host}:{tried.sip}", agent)
        seen[host] = replace(one, kind=Kind.CONFERENCE, port=tried.sip, detail=detail)
    return [seen[host] for host in alive if host in seen]


def asked(announced: Iterable[Found], services: Services, *, limits: Limits) -> Sequence[Surveyed]:
    """What those who announce themselves are where they say they speak, asked as in a survey.

    OTHER is who announces ONVIF and does not answer.
    """
    macs = neighbours()

    def told(one: Found) -> Surveyed:
        kind = _onvif(one.host, one.port, services, limits=limits, tls=one.tls)
        where = f"{one.host}:{one.port}"
        detail = {
            Kind.NOT_ACTIVATED: sentences.not_activated(where),
            Kind.OTHER: search_sentences.announces_only(where),
        }.get(kind, "")
        mac = macs.get(one.host)
        return Surveyed(one.host, kind, one.port, (), mac, make_of(mac), detail, one.tls)

    with ThreadPoolExecutor(_ASKERS, thread_name_prefix="announced") as askers:
        return list(askers.map(told, announced))


def shut(announced: Iterable[Found]) -> frozenset[str]:
    """The hosts that take a connection at none of the ports they announce; 0.8 s a 64 silent places."""
    places = {(one.host, one.port) for one in announced}
    states = _knocked(sorted(places), _GENTLE_WINDOW)
    open_ = {host for (host, _), is_open in states.items() if is_open}
    return frozenset(host for host, _ in places) - open_


def _knocked(targets: Sequence[tuple[str, int]], window: int) -> dict[tuple[str, int], bool]:
    """Which ports are open (True) or refused (False); silent ones are absent."""
    states: dict[tuple[str, int], bool] = {}
    waiting = list(reversed(targets))
    with selectors.DefaultSelector() as selector:
        ends: dict[socket.socket, float] = {}
        while waiting or ends:
            while waiting and len(ends) < window:
                _dial(waiting.pop(), selector, ends, states)
            for key, _ in selector.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                states[key.data] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                _hung_up(sock, selector, ends)
            now = time.monotonic()
            for sock in [late for late, end in ends.items() if end < now]:
                _hung_up(sock, selector, ends)
    return states


def _dial(
    target: tuple[str, int],
    selector: selectors.BaseSelector,
    ends: dict[socket.socket, float],
    states: dict[tuple[str, int], bool],
) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(target)
    except BlockingIOError:
        selector.register(sock, selectors.EVENT_WRITE, target)
        ends[sock] = time.monotonic() + _CONNECT_S
        return
    except ConnectionRefusedError:
        states[target] = False
    except OSError:
        pass  # no route: nobody is there
    else:
        states[target] = True
    sock.close()


def _hung_up(sock: socket.socket, selector: selectors.BaseSelector, ends: dict[socket.socket, float]) -> None:
    selector.unregister(sock)
    del ends[sock]
    sock.close()


def _told_apart(
    host: str, open_ports: Sequence[int], services: Services, *, limits: Limits, tried: Ports
) -> Surveyed:
    """Ask for ONVIF at each web port, in plain text first, then for RTSP."""
    rtsp_port = tried.rtsp
    web = [port for port in open_ports if port != rtsp_port]
    for port in web:
        tls = port in tried.https
        kind = _onvif(host, port, services, limits=limits, tls=tls)
        if kind is Kind.NOT_ACTIVATED:
            return Surveyed(host, kind, port, detail=sentences.not_activated(f"{host}:{port}"), tls=tls)
        if kind is Kind.ONVIF:
            return Surveyed(host, kind, port, tls=tls)
    speaks_rtsp = rtsp_port in open_ports and _rtsp(host, rtsp_port)
    if speaks_rtsp and web:
        detail = sentences.onvif_closed(f"{host}:{web[0]}", rtsp_port)
        return Surveyed(host, Kind.ONVIF_OFF, web[0], detail=detail)
    if speaks_rtsp:
        return Surveyed(host, Kind.RTSP_ONLY, detail=search_sentences.list_by_hand(f"{host}:{rtsp_port}"))
    return Surveyed(host, Kind.OTHER, web[0] if web else 0)


def _onvif(host: str, port: int, services: Services, *, limits: Limits, tls: bool) -> Kind:
    """Whether ONVIF answers, asked without credentials; OTHER when it does not."""
    device = Device(f"survey-{host}", DeviceClass.INTEGRATED, host, port, tls=tls)
    account = Account("", Secret(""), rest_s=0, pins=Pins())
    session = Session(device, account, services, limits=replace(limits, total_s=_ASK_S))
    with contextlib.closing(session), session.transport.within(_ASK_S):
        try:
            session.clock()
        except DeviceError:
            return Kind.OTHER
        try:
            read_device_information(session)
        except DeviceError as error:
            return Kind.NOT_ACTIVATED if error.kind is DeviceTrouble.NOT_ACTIVATED else Kind.ONVIF
    return Kind.ONVIF


def _rtsp(host: str, port: int) -> bool:
    """Whether the port answers OPTIONS as RTSP does (RFC 2326 10.1)."""
    deadline = Deadline(_ASK_S)
    try:
        with connect(host, port, deadline, connect_s=_CONNECT_S) as sock:
            sock.sendall(f"OPTIONS rtsp://{host}:{port}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
            sock.settimeout(deadline.remaining_s())
            return sock.recv(8).startswith(b"RTSP/1.")
    except OSError:
        return False
