"""The device's network: host name and protocol ports, written; addresses, gateway and name servers, shown.

Law: the port by which the box itself speaks to the device is closed or moved only when somebody agreed to
it beforehand; a moved one is followed and read back there. Addresses and DHCP are the site's plan and are
changed on the device, in front of the installer.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from lxml import etree

from agent.devices import sentences
from agent.devices.settings import refusals
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.surface import named, renamed
from agent.devices.soap import below, child, child_text, local_name
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Settings, Value

_SHOWN = Allowed(writable=False)
_PORT = Allowed(low=1, high=65_535)
_PROTOCOLS = ("http", "https", "rtsp")


class NetworkAspect(SettingsAspect):
    """``hostname``, ``http.enabled``, ``http.port``, ``https.…``, ``rtsp.…``; the rest can only be read."""

    name = "network"
    _protocols: tuple[etree._Element, ...] = ()

    def _look(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        host = self._asked("GetHostname", "HostnameInformation")
        if host is not None:
            found["hostname"] = child_text(host, "Name")
            found["hostname_from_dhcp"] = child_text(host, "FromDHCP") in ("true", "1")
        found |= self._look_at_protocols()
        interface = self._asked("GetNetworkInterfaces", "NetworkInterfaces")
        if interface is not None:
            found |= _addresses(interface)
        dns = self._asked("GetDNS", "DNSInformation")
        if dns is not None:
            found["dns.servers"] = tuple(
                text for entry in below(dns) if (text := child_text(entry, "IPv4Address"))
            )
        gateway = self._asked("GetNetworkDefaultGateway", "NetworkGateway")
        if gateway is not None:
            found["gateway"] = child_text(gateway, "IPv4Address")
        if not found:
            where = self._surface.where
            detail = sentences.not_supported(where, "GetNetworkInterfaces")
            raise self._surface.error(DeviceTrouble.NOT_SUPPORTED, detail)
        return found

    def _look_at_protocols(self) -> dict[str, Value]:
        try:
            answer = self._surface.ask("devicemgmt", "GetNetworkProtocols", optional=True)
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            return {}
        self._protocols = tuple(deepcopy(node) for node in answer if local_name(node) == "NetworkProtocols")
        found: dict[str, Value] = {}
        for node in self._protocols:
            name, port = child_text(node, "Name").lower(), child_text(node, "Port")
            if name in _PROTOCOLS and port.isdecimal():
                found[f"{name}.enabled"] = child_text(node, "Enabled") in ("true", "1")
                found[f"{name}.port"] = int(port)
        return found

    def _asked(self, operation: str, part: str) -> etree._Element | None:
        try:
            return child(self._surface.ask("devicemgmt", operation, optional=True), part)
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            return None

    def _bounds(self, _wanted: Settings, /) -> dict[str, Allowed]:
        shown = ("hostname_from_dhcp", "mac", "address", "prefix", "dhcp", "dns.servers", "gateway")
        ports = [f"{name}.port" for name in _PROTOCOLS]
        return dict.fromkeys(shown, _SHOWN) | dict.fromkeys(ports, _PORT)

    def _may_follow(self, name: str, changed: Settings) -> bool:
        return name == "hostname_from_dhcp" and "hostname" in changed

    def _dangers(self, changed: Settings, before: Settings) -> Sequence[str]:
        where, found = self._surface.where, []
        for protocol in self._ours(before):
            if changed.get(f"{protocol}.enabled") is False:
                found.append(refusals.closes_own_port(where, f"{protocol}.enabled"))
            if f"{protocol}.port" in changed:
                port = changed[f"{protocol}.port"]
                found.append(refusals.moves_own_port(where, f"{protocol}.port", port))
        return found

    def _sent_off(self, changed: Settings, before: Settings) -> str:
        surface = self._surface
        managed_by = self._ours(before)[0]
        if changed.get(f"{managed_by}.enabled") is False:
            return refusals.closed_own_port(surface.where)
        port = changed.get(f"{managed_by}.port")
        if not isinstance(port, int):
            return ""
        if surface.device.port_forwarded or before.get(f"{managed_by}.port") != surface.port:
            return refusals.moved_behind_forwarding(surface.where, port)
        surface.follow_to(port)
        return ""

    def _ours(self, before: Settings) -> list[str]:
        """The protocols by which the box itself speaks to the device."""
        device = self._surface.device
        told = {name: before.get(f"{name}.port") for name in _PROTOCOLS}
        # Behind a forwarded port the device tells another one than the box uses: it is the same protocol.
        by_name = ["https" if device.tls else "http"]
        by_port = [name for name in ("http", "https") if told[name] == self._surface.port]
        managed = by_name if device.port_forwarded else by_port or by_name
        streams = device.port_forwarded or told["rtsp"] == device.rtsp_port
        return [*managed, "rtsp"] if streams else managed

    def _send(self, changed: Settings) -> None:
        if "hostname" in changed:
            self._surface.ask(
                "devicemgmt", "SetHostname", named("devicemgmt", "Name", str(changed["hostname"]))
            )
        if any(name.partition(".")[0] in _PROTOCOLS for name in changed):
            written = [_protocol(deepcopy(node), changed) for node in self._protocols]
            self._surface.ask("devicemgmt", "SetNetworkProtocols", *written)


def _addresses(interface: etree._Element) -> dict[str, Value]:
    config = child(interface, "IPv4", "Config")
    given = next(
        (node for tag in ("FromDHCP", "Manual", "LinkLocal") if (node := child(config, tag)) is not None),
        None,
    )
    prefix = child_text(given, "PrefixLength")
    return {
        "mac": child_text(interface, "Info", "HwAddress"),
        "address": child_text(given, "Address"),
        "prefix": int(prefix) if prefix.isdecimal() else 0,
        "dhcp": child_text(config, "DHCP") in ("true", "1"),
    }


def _protocol(node: etree._Element, changed: Settings) -> etree._Element:
    name = child_text(node, "Name").lower()
    enabled, port = child(node, "Enabled"), child(node, "Port")
    if enabled is not None and f"{name}.enabled" in changed:
        enabled.text = "true" if changed[f"{name}.enabled"] else "false"
    if port is not None and f"{name}.port" in changed:
        port.text = str(changed[f"{name}.port"])
    return renamed(node, "devicemgmt", "NetworkProtocols")
