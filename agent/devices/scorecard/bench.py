"""What every trial works with: one session to the device, where its services are as it tells, its claims.

Law: a trial asks each question once, without a second log-in try, and within the time it was given; what the
make is known to do is not used here, for that is what is being tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from agent.devices.address import AddressRefused, Endpoint, first_usable, http_endpoint
from agent.devices.habits import Habits
from agent.devices.identity import read_device_information
from agent.devices.session import Question, Session, plain_question
from agent.devices.soap import Opened, child, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

_OLD_NAMES: Mapping[str, str] = {
    "Media": "media",
    "Events": "events",
    "Imaging": "imaging",
    "PTZ": "ptz",
    "DeviceIO": "deviceio",
    "Recording": "recording",
    "Search": "search",
    "Replay": "replay",
}
STOPS = (DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF, DeviceTrouble.NOT_ACTIVATED)
"""After these nothing more is asked: an account would be locked."""
_SERVICES = {namespace: name for name, namespace in NAMESPACES.items()}


@dataclass(slots=True)
class Bench:
    """One device under trial."""

    session: Session
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    """Services by name, their addresses on the enrolled host."""
    told: list[str] = field(default_factory=list)
    """Addresses as the device returned them."""
    claims: dict[str, str] = field(default_factory=dict)
    """Attributes and elements of all capability answers, by name: ``events.WSPullPointSupport``."""

    @property
    def habits(self) -> Habits:
        """What is learned of the make."""
        return self.session.account.habits

    def ask(self, service: str, operation: str, *parts: etree._Element) -> Opened:
        """The answer or the fault, as it came. Raises DeviceError when there is neither."""
        uri = NAMESPACES[service]
        where = self.endpoints.get(service) or self.session.device_service
        content = element(uri, operation, *parts)
        return self.put(plain_question(operation, where, content, action=f"{uri}/{operation}", optional=True))

    def put(self, question: Question) -> Opened:
        """As ``ask``, for a question that was made already."""
        try:
            return self.session.faulty(question)
        except DeviceError as error:
            if error.kind is DeviceTrouble.NOT_SUPPORTED:
                self._proved()
            raise

    def _proved(self) -> None:
        """An optional question was refused, maybe for the log-in: ask what every account may.

        Raises DeviceError AUTH_FAILED when that is refused too; otherwise each of some twenty optional
        questions would be one more try of a password that was changed meanwhile.
        """
        read_device_information(self.session)

    def tried(self, service: str, operation: str, *parts: etree._Element) -> etree._Element | None:
        """The answer's element with something in it; None for a fault, an empty one, or none at all.

        Raises DeviceError of the kinds after which nothing more may be asked.
        """
        try:
            opened = self.ask(service, operation, *parts)
        except DeviceError as error:
            if error.kind in STOPS:
                raise
            return None
        whole = opened.fault is None and opened.content is not None and len(opened.content) > 0
        return opened.content if whole else None

    def claimed(self, name: str) -> bool | None:
        """A yes or no the device told of itself; None when it did not."""
        word = self.claims.get(name, "").casefold()
        return {"true": True, "1": True, "false": False, "0": False}.get(word)

    def take_services(self, answer: etree._Element) -> None:
        """Note the services of a GetServices answer."""
        offered: dict[str, list[str]] = {}
        for node in answer:
            parts = {local_name(part): (part.text or "").strip() for part in node}
            name = _SERVICES.get(parts.get("Namespace", "").rstrip("/"))
            if name is not None and parts.get("XAddr"):
                offered.setdefault(name, []).append(parts["XAddr"])
        self._take({name: " ".join(xaddrs) for name, xaddrs in offered.items()})

    def take_capabilities(self, answer: etree._Element) -> None:
        """Note services and claims of a GetCapabilities answer."""
        found = {}
        for node in answer.iter():
            name = _OLD_NAMES.get(local_name(node))
            xaddr = child(node, "XAddr")
            if name is None or xaddr is None:
                continue
            found[name] = (xaddr.text or "").strip()
            self._note(name, node)
        self._note("device", child(answer, "Capabilities", "Device", "System"))
        self._take({name: xaddr for name, xaddr in found.items() if name not in self.endpoints})

    def take_claims(self, service: str, answer: etree._Element | None) -> None:
        """Note the attributes of a GetServiceCapabilities answer."""
        for node in () if answer is None else answer.iter():
            if len(self.claims) < 500 and isinstance(node.tag, str):
                self.claims |= {
                    f"{service}.{str(name).rpartition('}')[2]}": str(value)
                    for name, value in node.attrib.items()
                }

    def _note(self, service: str, node: etree._Element | None) -> None:
        for part in () if node is None else node:
            if isinstance(part.tag, str) and len(self.claims) < 500:
                self.claims[f"{service}.{local_name(part)}"] = (part.text or "").strip()

    def _take(self, offered: Mapping[str, str]) -> None:
        device = self.session.device
        for name, xaddrs in offered.items():
            best = first_usable(xaddrs, tls=device.tls)
            try:
                self.endpoints[name] = http_endpoint(best, device)
            except AddressRefused:
                continue
            self.told.append(best)
