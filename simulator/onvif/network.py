"""Answers what concerns the network: name, protocols, name servers, gateway."""

from __future__ import annotations

from dataclasses import replace

from simulator.device.device import Device
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, local_name, node

TDS = NAMESPACES["tds"]


def set_hostname(device: Device, request: SoapRequest) -> Xml:
    """Another name."""
    name = request.require("Name")
    if not all(part.isalnum() or part == "-" for part in name):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidHostname", reason=f"Hostname {name}")
    if not device.faults.lying_set:
        device.hostname = name
    return node("tds:SetHostnameResponse")


def get_protocols(device: Device, _request: SoapRequest) -> Xml:
    """Which protocols are on, at which port."""
    return node(
        "tds:GetNetworkProtocolsResponse",
        *(
            node(
                "tds:NetworkProtocols",
                node("tt:Name", one.name),
                node("tt:Enabled", one.enabled),
                node("tt:Port", _told_port(device) if one.name == "HTTP" else one.port),
            )
            for one in device.protocols.values()
        ),
    )


def _told_port(device: Device) -> int:
    return device.tells_http_port or device.http_port


def set_protocols(device: Device, request: SoapRequest) -> Xml:
    """Stored and told again; the HTTP port really moves or closes after the answer, RTSP and HTTPS stay."""
    for element in request.body:
        parts = {local_name(part): (part.text or "").strip() for part in element}
        known = device.protocols.get(parts.get("Name", ""))
        if known is None or not parts.get("Port", "").isdecimal():
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:ServiceNotSupported", reason=str(parts))
        wanted = replace(known, enabled=parts.get("Enabled") in ("true", "1"), port=int(parts["Port"]))
        if not device.faults.lying_set:
            device.protocols[wanted.name] = wanted
            if wanted.name == "HTTP" and (wanted.port != _told_port(device) or not wanted.enabled):
                device.on_http_moved(wanted.port if wanted.enabled else None)
    return node("tds:SetNetworkProtocolsResponse")


def get_dns(_device: Device, _request: SoapRequest) -> Xml:
    """One name server set by hand."""
    server = node("tt:DNSManual", node("tt:Type", "IPv4"), node("tt:IPv4Address", "192.168.1.1"))
    return node("tds:GetDNSResponse", node("tds:DNSInformation", node("tt:FromDHCP", False), server))


def get_gateway(_device: Device, _request: SoapRequest) -> Xml:
    """The gateway."""
    return node(
        "tds:GetNetworkDefaultGatewayResponse",
        node("tds:NetworkGateway", node("tt:IPv4Address", "192.168.1.1")),
    )


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TDS, "SetHostname"): set_hostname,
    (TDS, "GetNetworkProtocols"): get_protocols,
    (TDS, "SetNetworkProtocols"): set_protocols,
    (TDS, "GetDNS"): get_dns,
    (TDS, "GetNetworkDefaultGateway"): get_gateway,
}
