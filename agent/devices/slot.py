"""One slot for a pull point on a device: taken, pulled, renewed, given back, whoever holds it.

Law: a slot that was granted is given back, over a connection of its own and within ``Limits.unsubscribe_s``:
at the address the device told or, where that cannot be asked, where it was granted. Devices have as few as
two (Reolink E1, Pelco IMP321), and one left behind is lost until its lease ends.
Times go out in seconds (``PT60S``): some cameras misread minutes. Sources: ONVIF Core 9; WS-BaseNotification.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from agent.devices import quirks, soap
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.durations import duration_of
from agent.devices.notifications import MOST_MESSAGES
from agent.devices.session import Question, Session, plain_question
from agent.devices.soap import Opened, child, child_text, element
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError
from agent.model import Device

_EVENTS = NAMESPACES["events"]
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_PULL_POINT = f"{_EVENTS}/PullPointSubscription"
_MANAGER = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
_RENEW_AT = 0.8
_MOST_PARAMETERS = 8
NO_ADDRESS = "no address"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the device keeps a subscription. ``parameters`` are echoed as SOAP headers (Axis, Pelco)."""

    address: str
    endpoint: Endpoint
    parameters: tuple[etree._Element, ...]
    refused: str = ""
    """Why the address the device told cannot be asked; ``endpoint`` is then where the slot was granted."""

    def pull(
        self, seconds: float, *, optional: bool = True, repeatable: bool = True, echoing: bool = True
    ) -> Question:
        """PullMessages that waits so long; not ``echoing``: without the reference parameters."""
        content = element(
            _EVENTS,
            "PullMessages",
            element(_EVENTS, "Timeout", text=duration_of(seconds)),
            element(_EVENTS, "MessageLimit", text=str(MOST_MESSAGES)),
        )
        asked = self if echoing else Slot(self.address, self.endpoint, ())
        return asked._question("PullMessages", content, _PULL_POINT, optional=optional, repeatable=repeatable)

    def synchronization(self) -> Question:
        """SetSynchronizationPoint: the device tells the present states again, where it can."""
        content = element(_EVENTS, "SetSynchronizationPoint")
        return self._question("SetSynchronizationPoint", content, _PULL_POINT)

    def renewal(self, term: str, *, optional: bool = True) -> Question:
        """Renew for ``term``, a duration or a ``moment``."""
        content = element(_NOTIFICATION, "Renew", element(_NOTIFICATION, "TerminationTime", text=term))
        return self._question("Renew", content, _MANAGER, optional=optional)

    def release(self) -> Question:
        """Unsubscribe."""
        return self._question("Unsubscribe", element(_NOTIFICATION, "Unsubscribe"), _MANAGER)

    def _question(
        self,
        operation: str,
        content: etree._Element,
        port: str,
        *,
        optional: bool = True,
        repeatable: bool = True,
    ) -> Question:
        action = f"{port}/{operation}Request"
        return plain_question(
            operation,
            self.endpoint,
            content,
            action=action,
            headers=(*_addressing(action, self.address), *(deepcopy(each) for each in self.parameters)),
            optional=optional,
            repeatable=repeatable,
        )


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a slot is ours, in monotonic time."""

    ends_mono_s: float
    renew_mono_s: float


def lease(granted_s: float | None, *, asked_s: float, now_s: float) -> Lease:
    """A lease that begins now; never trusted longer than asked for: Bosch grants an hour for a minute."""
    trusted_s = min(granted_s or asked_s, asked_s)
    return Lease(now_s + trusted_s, now_s + trusted_s * _RENEW_AT)


def moment(seconds: float, *, clock_error_s: float | None) -> str:
    """The point in time so many seconds from now, by the device's clock."""
    ends = datetime.now(UTC) + timedelta(seconds=(clock_error_s or 0.0) + seconds)
    return ends.strftime("%Y-%m-%dT%H:%M:%SZ")


def either_way(ask: Callable[[str], Opened], first: str, other: str) -> tuple[Opened, bool]:
    """The answer to a term, and whether it is that to the ``other`` one, asked where the device wants it."""
    opened = ask(first)
    if opened.fault is None or not quirks.wants_absolute_time(opened.fault.codes):
        return opened, False
    return ask(other), True


def creation(events: Endpoint, term: str, *, optional: bool = True) -> Question:
    """CreatePullPointSubscription without a filter, which some makes refuse."""
    content = element(
        _EVENTS, "CreatePullPointSubscription", element(_EVENTS, "InitialTerminationTime", text=term)
    )
    action = f"{_EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
    # Sent at most once: a repetition would take a second slot.
    return plain_question(
        "CreatePullPointSubscription",
        events,
        content,
        action=action,
        headers=_addressing(action, str(events)),
        optional=optional,
        repeatable=False,
    )


def slot_of(opened: Opened, device: Device, *, events: Endpoint) -> Slot:
    """The slot that an answer to ``creation`` grants, for one that is no fault."""
    reference = child(opened.content, "SubscriptionReference")
    address, parameters = child_text(reference, "Address"), _reference_parameters(reference)
    try:
        return Slot(address, http_endpoint(address, device), parameters)
    except AddressRefused as error:
        return Slot(address or str(events), events, parameters, str(error) if address else NO_ADDRESS)


def granted_s(content: etree._Element | None) -> float | None:
    """TerminationTime minus CurrentTime: both by the device's clock, so its error does not matter."""
    try:
        now = datetime.fromisoformat(child_text(content, "CurrentTime"))
        ends = datetime.fromisoformat(child_text(content, "TerminationTime"))
        granted = (ends - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return granted if granted > 0 else None


def give_back(session: Session, slot: Slot) -> DeviceError | None:
    """Unsubscribe; what went wrong, None when the slot is free. Raises nothing of the device's.

    ``session`` says to whom and how; it is not used itself, for a pull may be waiting on it.
    """
    own = Session(session.device, session.account, session.services, limits=session.limits)
    with contextlib.closing(own), own.transport.within(own.limits.unsubscribe_s):
        try:
            own.ask(slot.release())
        except DeviceError as error:
            return error
    return None


@contextlib.contextmanager
def held(session: Session, opened: Opened, *, events: Endpoint) -> Iterator[Slot | None]:
    """The slot an answer grants, given back when the block ends, however it does; None when it is a fault."""
    slot = None if opened.fault is not None else slot_of(opened, session.device, events=events)
    try:
        yield slot
    finally:
        if slot is not None:
            give_back(session, slot)


def _addressing(action: str, to: str) -> tuple[etree._Element, ...]:
    return (
        element(soap.ADDRESSING, "Action", text=action),
        element(soap.ADDRESSING, "To", text=to),
    )


def _reference_parameters(reference: etree._Element | None) -> tuple[etree._Element, ...]:
    """The device's own marks of the subscription, to be echoed as headers (WS-Addressing 3.4)."""
    found = []
    for node in soap.below(reference, "ReferenceParameters")[:_MOST_PARAMETERS]:
        echoed = deepcopy(node)
        echoed.tail = None
        echoed.text = (echoed.text or "").strip() or None
        echoed.set(f"{{{soap.ADDRESSING}}}IsReferenceParameter", "true")
        found.append(echoed)
    return tuple(found)
