"""Which ONVIF devices answer on the LAN before anybody logs in: WS-Discovery, asked from an ephemeral port.

Law: port 3702 is never bound (another program on the box may own it); two kinds of probe, each sent twice,
because many cameras answer to only one and UDP loses; an answer counts only when it relates to our probe;
a device is its endpoint reference and its address, however many answers it sends.
Every address of the given subnets is asked by itself too: multicast does not cross cheap switches with
IGMP snooping. Source: WS-Discovery 2005/04; ONVIF Core 7.
"""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import struct
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import unquote, urlsplit

from lxml import etree

from agent.devices import soap
from agent.devices.address import first_usable
from agent.devices.limits import Deadline, Limits
from agent.devices.neighbours import neighbours
from agent.devices.redact import quoted
from agent.devices.soap import child, child_text, local_name
from agent.devices.subnets import planned, tell_left
from agent.devices.vocabulary import Vocabulary
from agent.ports import Found

_PORT = 3702
_GROUP = "239.255.255.250"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING_2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_TYPES = (
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
)
"""What nearly every camera declares, and what the standard demands: some answer to the first only."""
_REPEATS = 2
_QUICKLY, _PACE_S, _SLOW_PACE_S = 1024, 0.0005, 0.003
"""Pause after each address. The kernel holds some 1,024 neighbours (gc_thresh3) and forgets a silent one
after 3 s: who asks more, and faster than 340 a second, loses what was sent."""
_DATAGRAM_BYTES = 65_535
_MOST_FOUND = 1024
MOST_OF_A_HOST = 32
"""References of one host that are looked at: a recorder has several, a hostile host 10,000."""
_NAMES_OF_A_HOST, _BYTES_OF_A_HOST = 256, 8 * 1024
"""An announcement of a recorded device has some 40 names."""
_MOST_HOSTS = 1024
_OTHERS = ""
DATAGRAMS_OF_A_HOST = 64
"""Answers of one host that are parsed in one discovery: four probes, each answered by a recorder for itself
and its channels, and some answer every probe several times."""
_SCOPE = "onvif://www.onvif.org/"


def discover(subnets: Iterable[str], *, limits: Limits) -> Sequence[Found]:
    """Everything that answers within ``Limits.listen_s`` of the last probe, one entry a device, by address.

    ``subnets`` in CIDR notation; at most ``Limits.probed_addresses`` addresses of each are asked singly, what
    is left out is logged. 16 subnets of a /22 take 100 s, one 5 s. Raises ValueError for what is no IPv4
    subnet. Ways that are closed (no route) are passed over.
    """
    subnets = list(subnets)
    networks = [ipaddress.IPv4Network(subnet, strict=False) for subnet in subnets]
    singly = planned(subnets, of_a_subnet=limits.probed_addresses)
    if limits.probed_addresses:
        tell_left(singly.left)
    found: dict[tuple[str, str], Found] = {}
    with contextlib.ExitStack() as opened:
        prober = _Prober(opened, networks)
        for _ in range(_REPEATS):
            probes = prober.new_probes()
            for number, host in enumerate((None, *singly.hosts)):
                prober.send(probes, host)
                for answer in prober.answers(Deadline(_PACE_S if number <= _QUICKLY else _SLOW_PACE_S)):
                    _take(found, answer)
        for answer in prober.answers(Deadline(limits.listen_s)):
            _take(found, answer)
    macs = neighbours()
    told = (replace(one, mac_address=macs.get(one.host)) for one in found.values())
    return sorted(told, key=lambda one: (ipaddress.ip_address(one.host).packed, one.port))


def _take(found: dict[tuple[str, str], Found], answer: Found) -> None:
    """Keep the first answer of each reference at each address; bounded for one host and for all.

    One reference at two addresses is a device with two interfaces or a cloned image: the reader decides.
    """
    key = (answer.host, answer.endpoint_reference)
    of_host = sum(host == answer.host for host, _ in found)
    if key not in found and len(found) < _MOST_FOUND and of_host < MOST_OF_A_HOST:
        found[key] = answer


def reference_at(host: str, *, wait_s: float) -> str:
    """The endpoint reference one address announces when it is asked alone; "" when it does not in time."""
    with contextlib.ExitStack() as opened:
        prober = _Prober(opened, ())
        prober.send(prober.new_probes(), host)
        answers = (answer for answer in prober.answers(Deadline(wait_s)) if answer.host == host)
        return next((answer.endpoint_reference for answer in answers), "")


def read_match(datagram: bytes, sender: str, asked: set[str]) -> Sequence[Found]:
    """The devices of one ProbeMatches that answers one of our message ids; none for anything else.

    The host is the one the answer came from, whatever addresses it claims.
    """
    try:
        opened = soap.opened(datagram, "", Limits(), vocabulary=_HEARD.of(sender))
    except soap.NotAnEnvelope:
        return ()
    relates = child_text(child(opened.root, "Header"), "RelatesTo")
    if relates not in asked or opened.content is None or local_name(opened.content) != "ProbeMatches":
        return ()
    matches = (node for node in opened.content if local_name(node) == "ProbeMatch")
    return [made for node in islice(matches, 32) if (made := _found(node, sender)) is not None]


class _Heard:
    """The names each sender may use, for the life of the process: one that invents names silences itself
    alone. Senders past the bound share what is left. Thread-safe."""

    def __init__(self) -> None:
        self._of: dict[str, Vocabulary] = {}
        self._others = Vocabulary()
        self._lock = threading.Lock()

    def of(self, sender: str) -> Vocabulary:
        with self._lock:
            if sender not in self._of and len(self._of) >= _MOST_HOSTS:
                return self._others
            return self._of.setdefault(sender, Vocabulary(_NAMES_OF_A_HOST, most_bytes=_BYTES_OF_A_HOST))


_HEARD = _Heard()


class Shares:
    """Which datagrams of one discovery are parsed: those that may be an answer, so many of each sender.

    A sender that is no neighbour can be invented, so those past ``_MOST_HOSTS`` share what one has.
    """

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def admits(self, sender: str, datagram: bytes, asked: Iterable[str]) -> bool:
        """Whether to parse this one: it names a message of ours, and its sender's share is not used up."""
        if not any(message_id.encode() in datagram for message_id in asked):
            return False
        known = sender in self._taken or len(self._taken) < _MOST_HOSTS
        share = sender if known else _OTHERS
        self._taken[share] += 1
        return self._taken[share] <= DATAGRAMS_OF_A_HOST


class _Prober:
    """Sockets, one for each way out, and the message ids sent."""

    def __init__(self, opened: contextlib.ExitStack, networks: Sequence[ipaddress.IPv4Network]) -> None:
        self._asked: set[str] = set()
        self._shares = Shares()
        self._selector = opened.enter_context(selectors.DefaultSelector())
        self._multicast = [opened.enter_context(_socket(local)) for local in _ways_out(networks)]
        self._unicast = opened.enter_context(_socket(None))
        for sock in (*self._multicast, self._unicast):
            self._selector.register(sock, selectors.EVENT_READ)

    def new_probes(self) -> Sequence[bytes]:
        """Both kinds of probe under message ids not used before."""
        probes = []
        for namespace, name in _TYPES:
            message_id = f"urn:uuid:{uuid.uuid4()}"
            self._asked.add(message_id)
            probes.append(_probe(message_id, namespace, name))
        return probes

    def send(self, probes: Sequence[bytes], host: str | None) -> None:
        """Send the probes to one host, or to the multicast group out of every way: where none is known, out
        of the one the kernel takes."""
        ways = self._multicast if host is None else ()
        for sock in ways or (self._unicast,):
            for probe in probes:
                with contextlib.suppress(OSError):
                    sock.sendto(probe, (host or _GROUP, _PORT))

    def answers(self, deadline: Deadline) -> Iterator[Found]:
        """What comes in until the deadline. Of each sender, and of all, so many datagrams are looked into;
        what exceeds that is read and passed over, for others may still have something to say."""
        while True:
            try:
                ready = self._selector.select(deadline.remaining_s())
            except TimeoutError:
                return
            for key, _events in ready:
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                with contextlib.suppress(OSError):
                    datagram, address = sock.recvfrom(_DATAGRAM_BYTES)
                    sender = str(address[0])
                    if self._shares.admits(sender, datagram, self._asked):
                        yield from read_match(datagram, sender, self._asked)


def _socket(local: str | None) -> socket.socket:
    """A UDP socket on an ephemeral port; with ``local``, its multicast leaves by that address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if local is not None:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(local))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))
    return sock


def _ways_out(networks: Sequence[ipaddress.IPv4Network]) -> Sequence[str]:
    """The box's own addresses by which the subnets are reached; nothing is sent to find out."""
    ways: dict[str, None] = {}
    for network in networks:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.connect((str(network.network_address + min(1, network.num_addresses - 1)), _PORT))
            ways[sock.getsockname()[0]] = None
    return list(ways)


def _probe(message_id: str, namespace: str, name: str) -> bytes:
    content = etree.Element(f"{{{_DISCOVERY}}}Probe", nsmap={"d": _DISCOVERY})
    types = etree.SubElement(content, f"{{{_DISCOVERY}}}Types", nsmap={"t": namespace})
    types.text = f"t:{name}"
    headers = (
        soap.element(_ADDRESSING_2004, "MessageID", text=message_id),
        soap.element(_ADDRESSING_2004, "To", text="urn:schemas-xmlsoap-org:ws:2005:04:discovery"),
        soap.element(_ADDRESSING_2004, "Action", text=f"{_DISCOVERY}/Probe"),
    )
    return soap.with_headers(soap.envelope(content), headers)


def _found(node: etree._Element, sender: str) -> Found | None:
    reference = quoted(child_text(node, "EndpointReference", "Address"), longest=128)
    xaddrs = child_text(node, "XAddrs").split()[:16]
    ours = [xaddr for xaddr in xaddrs if f"//{sender}:" in xaddr or f"//{sender}/" in xaddr]
    xaddr = first_usable(ours or xaddrs)
    try:
        port = urlsplit(xaddr).port or (443 if xaddr.startswith("https://") else 80)
    except ValueError:
        port = 80
    if not reference and not xaddr:
        return None
    scopes = tuple(quoted(unquote(scope), longest=160) for scope in child_text(node, "Scopes").split()[:64])
    return Found(
        endpoint_reference=reference or f"{sender}:{port}",
        xaddr=quoted(xaddr, longest=256),
        host=sender,
        port=port,
        scopes=scopes,
        hardware=_scope(scopes, "hardware/"),
        title=_scope(scopes, "name/"),
        tls=xaddr.startswith("https://"),
    )


def _scope(scopes: Sequence[str], start: str) -> str:
    whole = _SCOPE + start
    return next((scope[len(whole) :] for scope in scopes if scope.startswith(whole)), "")
