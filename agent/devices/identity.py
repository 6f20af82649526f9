"""Who a device says it is: make, model, firmware, serial, MAC, endpoint reference, profiles.

Law: what a device refuses or does not have leaves a field empty; only what every camera must answer
(GetDeviceInformation) can fail the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.devices import reading, sentences
from agent.devices.address import AddressRefused, Endpoint, first_usable, http_endpoint
from agent.devices.habits import Habit
from agent.devices.profiles import read_profiles
from agent.devices.session import Question, Session
from agent.devices.wsdl import NAMESPACES, Misread
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Identity

_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "media": ("Media", "XAddr"),
    "events": ("Events", "XAddr"),
    "imaging": ("Imaging", "XAddr"),
    "ptz": ("PTZ", "XAddr"),
    "deviceio": ("Extension", "DeviceIO", "XAddr"),
    "recording": ("Extension", "Recording", "XAddr"),
    "search": ("Extension", "Search", "XAddr"),
    "replay": ("Extension", "Replay", "XAddr"),
}
_MAC = re.compile(
    r"(?i)\b([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?"
    r"([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})\b"
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the services of one device are. A service it does not have is absent."""

    endpoints: Mapping[str, Endpoint]

    def find(self, service: str) -> Endpoint | None:
        """The address of a service by its name in ``wsdl.NAMESPACES``; None when absent."""
        return self.endpoints.get(service)


def read_whereabouts(session: Session) -> Whereabouts:
    """Ask GetServices, else GetCapabilities (old Hikvision, D-Link, SUNBA). Never guesses an address.

    What the make is known not to have is not asked for. Raises DeviceError when neither is answered.
    """
    habits = session.account.habits
    if habits.holds(Habit.NO_GET_SERVICES):
        found = _from_capabilities(session, required=False)
        if _is_whole(found):
            return Whereabouts(found)
    told = services_told(session)
    found = told or {}
    if told:
        habits.contradicted(Habit.NO_GET_SERVICES)
    if not _is_whole(found):
        found = {**_from_capabilities(session, required=not found), **found}
    if told is None and _is_whole(found):
        habits.learned(Habit.NO_GET_SERVICES)
    if "media" in found and habits.holds(Habit.DEAD_MEDIA2):
        found = {name: endpoint for name, endpoint in found.items() if name != "media2"}
    return Whereabouts(found)


def services_told(session: Session) -> dict[str, Endpoint] | None:
    """What GetServices tells, whatever is known of the make; None when it is refused with a fault.

    Empty when the answer cannot be used. Raises DeviceError when the device itself is in the way.
    """
    known = session.services.operation("devicemgmt", "GetServices")
    request = known.request(IncludeCapability=False)
    question = Question("GetServices", session.device_service, request, known.action)
    try:
        opened = session.faulty(question)
        return None if opened.fault is not None else _from_services(session, known.response(opened.root))
    except Misread:
        return {}
    except DeviceError as error:
        if error.kind is not DeviceTrouble.NOT_SUPPORTED and error.kind is not DeviceTrouble.BAD_ANSWER:
            raise
        return {}


def _is_whole(found: Mapping[str, Endpoint]) -> bool:
    return "media" in found and "events" in found


def read_device_information(session: Session) -> Identity:
    """Make, model, firmware and serial: the question by which a log-in is proved. Raises DeviceError."""
    answer = session.call("devicemgmt", "GetDeviceInformation", session.device_service)
    identity = Identity(
        vendor=reading.text(answer, "Manufacturer"),
        model=reading.text(answer, "Model"),
        firmware=reading.text(answer, "FirmwareVersion"),
        serial=reading.text(answer, "SerialNumber"),
    )
    if not (identity.vendor or identity.model):
        detail = sentences.broken(session.where, "GetDeviceInformation: empty")
        raise session.error(DeviceTrouble.BAD_ANSWER, detail)
    session.account.habits.identified(identity)
    return identity


def read_rest(session: Session, identity: Identity, whereabouts: Whereabouts) -> Identity:
    """``identity`` with profiles, MAC and endpoint reference. Raises DeviceError when the profiles fail."""
    profiles = read_profiles(session, whereabouts.find("media"), whereabouts.find("media2"))
    return replace(
        identity,
        profiles=profiles,
        mac_address=_mac(session),
        endpoint_reference=_endpoint_reference(session),
    )


def _from_services(session: Session, answer: object) -> dict[str, Endpoint]:
    names = {namespace: name for name, namespace in NAMESPACES.items()}
    offered: dict[str, list[str]] = {}
    for item in reading.each(answer):
        name = names.get(reading.raw_text(item, "Namespace").rstrip("/"))
        if name is not None:
            offered.setdefault(name, []).append(reading.raw_text(item, "XAddr"))
    tls = session.device.tls
    return _usable(session, {name: first_usable(" ".join(many), tls=tls) for name, many in offered.items()})


def _from_capabilities(session: Session, *, required: bool) -> dict[str, Endpoint]:
    try:
        answer = session.call("devicemgmt", "GetCapabilities", session.device_service, Category=["All"])
    except DeviceError:
        if required:
            raise
        return {}
    given = {name: reading.raw_text(answer, *path) for name, path in _CAPABILITIES.items()}
    return _usable(
        session, {name: first_usable(xaddr, tls=session.device.tls) for name, xaddr in given.items()}
    )


def _usable(session: Session, xaddrs: Mapping[str, str]) -> dict[str, Endpoint]:
    usable = {}
    for name, xaddr in xaddrs.items():
        if not xaddr:
            continue
        try:
            usable[name] = http_endpoint(xaddr, session.device)
        except AddressRefused:
            continue
    return usable


def _mac(session: Session) -> str | None:
    """The first interface that is enabled and has an address; ``XX-XX-XX-XX-XX-XX``."""
    try:
        answer = session.call("devicemgmt", "GetNetworkInterfaces", session.device_service, optional=True)
    except DeviceError:
        return None
    interfaces = sorted(reading.each(answer), key=lambda item: reading.child(item, "Enabled") is not True)
    for item in interfaces:
        match = _MAC.search(reading.text(item, "Info", "HwAddress"))
        if match is not None:
            return "-".join(part.upper() for part in match.groups())
    return None


def _endpoint_reference(session: Session) -> str:
    try:
        answer = session.call("devicemgmt", "GetEndpointReference", session.device_service, optional=True)
    except DeviceError:
        return ""
    found = reading.child(answer, "GUID") if not isinstance(answer, str) else answer
    return reading.text({"guid": found}, "guid")
