"""Decides which WS-Discovery probes are answered, and what the answers and the Hello and Bye say.

Law: only devices that match the probe's types and scopes answer, each from its own address, once for a probe.
Source: WS-Discovery (April 2005) with WS-Addressing 2004/08, ONVIF Core 7.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import uuid
from collections.abc import Callable, Iterable

from lxml import etree

from simulator.device.device import Device
from simulator.onvif.device_service import scopes
from simulator.onvif.soap import NAMESPACES, SOAP_12, Content, Xml, local_name, node

PORT = 3702
GROUP = "239.255.255.250"
WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
WSA_2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
NETWORK = "http://www.onvif.org/ver10/network/wsdl"
ANONYMOUS = f"{WSA_2004}/role/anonymous"
EVERYBODY = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
_TYPES = {(NETWORK, "NetworkVideoTransmitter"), (NAMESPACES["tds"], "Device")}


class Probe:
    """One parsed probe; raises ValueError when the datagram is none."""

    def __init__(self, datagram: bytes) -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            envelope = etree.fromstring(datagram, parser)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"not XML: {error}") from error
        probe = envelope.find(f"{{*}}Body/{{{WSD}}}Probe")
        if probe is None:
            raise ValueError("no probe")
        self.message_id = (envelope.findtext(f"{{*}}Header/{{{WSA_2004}}}MessageID") or "").strip()
        self._types = [_qualified(name, probe) for name in (probe.findtext(f"{{{WSD}}}Types") or "").split()]
        self._scopes = (probe.findtext(f"{{{WSD}}}Scopes") or "").split()

    def matches(self, device: Device) -> bool:
        """Whether all types and scopes asked for are the device's; scopes match by prefix (RFC 2396 rule)."""
        told = scopes(device)
        return all(kind in _TYPES for kind in self._types) and all(
            any(scope == asked or scope.startswith(asked.rstrip("/") + "/") for scope in told)
            for asked in self._scopes
        )


def _qualified(name: str, element: etree._Element) -> tuple[str, str]:
    prefix, _, local = name.rpartition(":")
    namespaces: dict[str | None, str] = dict(element.nsmap)
    types = element.find(f"{{{WSD}}}Types")
    if types is not None:
        namespaces.update(types.nsmap)
    return namespaces.get(prefix or None, ""), local


def probe_matches(device: Device, probe: Probe) -> bytes:
    """The answer to a probe."""
    return _message(
        "ProbeMatches",
        node("d:ProbeMatches", node("d:ProbeMatch", *_described(device))),
        to=ANONYMOUS,
        relates_to=probe.message_id,
    )


def hello(device: Device) -> bytes:
    """What a device says when it comes up."""
    return _message("Hello", node("d:Hello", *_described(device)), to=EVERYBODY)


def bye(device: Device) -> bytes:
    """What a device says before it restarts."""
    return _message("Bye", node("d:Bye", _endpoint(device)), to=EVERYBODY)


def _endpoint(device: Device) -> Xml:
    return node("a:EndpointReference", node("a:Address", f"urn:uuid:{device.identity.uuid}"))


def _described(device: Device) -> list[Xml]:
    return [
        _endpoint(device),
        node("d:Types", "dn:NetworkVideoTransmitter tds:Device"),
        node("d:Scopes", " ".join(scopes(device))),
        node("d:XAddrs", device.url(device.personality.paths.device)),
        node("d:MetadataVersion", 1),
    ]


def _message(kind: str, body: Xml, *, to: str, relates_to: str | None = None) -> bytes:
    header: list[Content] = [
        node("a:MessageID", f"urn:uuid:{uuid.uuid4()}"),
        node("a:RelatesTo", relates_to) if relates_to else None,
        node("a:To", to),
        node("a:Action", f"{WSD}/{kind}"),
        node("d:AppSequence", InstanceId=1, MessageNumber=1),
    ]
    marks = {
        "xmlns:s": SOAP_12,
        "xmlns:a": WSA_2004,
        "xmlns:d": WSD,
        "xmlns:dn": NETWORK,
        "xmlns:tds": NAMESPACES["tds"],
    }
    envelope = node("s:Envelope", marks, node("s:Header", *header), node("s:Body", body))
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + envelope.encode()


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, on_datagram: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._on_datagram = on_datagram

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_datagram(data, addr)


class Announcer:
    """The discovery port of one device on its own address. It can be opened and closed again."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Listen on the device's own address."""
        if self._transport is not None:
            return
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(self.answer), local_addr=(self._device.ip, PORT)
        )
        self._send(hello(self._device), (GROUP, PORT))

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._send(bye(self._device), (GROUP, PORT))
            self._transport.close()
            self._transport = None

    def answer(self, datagram: bytes, sender: tuple[str, int]) -> None:
        """Answer one probe from the device's own address, unless it hangs or does not match."""
        if self._transport is None or self._device.faults.hung:
            return
        try:
            probe = Probe(datagram)
        except ValueError:
            self._device.counters["discovery_ignored"] += 1
            return
        if probe.matches(self._device):
            self._device.counters["discovery_answered"] += 1
            self._send(probe_matches(self._device, probe), sender)

    def _send(self, datagram: bytes, to: tuple[str, int]) -> None:
        if self._transport is None:
            return
        if to[0] == GROUP and not _loops_back(self._transport):
            return
        self._transport.sendto(datagram, to)


def _loops_back(transport: asyncio.DatagramTransport) -> bool:
    """Send multicast through the loopback interface only; False when the system has no such way."""
    with contextlib.suppress(OSError):
        found: socket.socket = transport.get_extra_info("socket")
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        return True
    return False


class Group:
    """The shared multicast socket: hands every probe to all devices."""

    def __init__(self, announcers: Iterable[Announcer]) -> None:
        self._announcers = list(announcers)
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> bool:
        """Join the group on the loopback interface; False when the system refuses."""
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"))
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind((GROUP, PORT))
            listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Receiver(self._hand_on), sock=listening
            )
        except OSError:
            listening.close()
            return False
        return True

    def close(self) -> None:
        """Leave the group."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _hand_on(self, datagram: bytes, sender: tuple[str, int]) -> None:
        if b"Probe" not in datagram or local_name_of_body(datagram) != "Probe":
            return
        for announcer in self._announcers:
            announcer.answer(datagram, sender)


def local_name_of_body(datagram: bytes) -> str:
    """The name of the message in a datagram's body; empty when it is not XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    with contextlib.suppress(etree.XMLSyntaxError):
        body = etree.fromstring(datagram, parser).find("{*}Body")
        return "" if body is None or len(body) == 0 else local_name(body[0])
    return ""
