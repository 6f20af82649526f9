"""One pull point of one device: made, pulled, renewed, given back.

    none ──create──> open ──pull──> open ──lease 80 % over──> renew
      ^                └── the device forgot it, or its lease ran out ──┘

Law: never more than one pull point a device. Devices have as few as two (Reolink E1, Pelco IMP321), and a
slot left behind is lost until its lease ends; so a pull point is given back before another is made.
Times go out in seconds (``PT60S``): some cameras misread minutes. Sources: ONVIF Core 9; WS-BaseNotification.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from agent.devices import quirks, sentences, soap
from agent.devices.account import Account
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.identity import read_whereabouts
from agent.devices.limits import Limits
from agent.devices.notifications import Notice, Tally, read_notices
from agent.devices.session import Question, Session, plain_question
from agent.devices.soap import Fault, Opened, child, child_text, element
from agent.devices.wsdl import NAMESPACES, Services
from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import CameraEvent, Device
from agent.ports import Notebook
from protocol.words import SceneTopic

_EVENTS = NAMESPACES["events"]
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_NOTIFICATION_ACTIONS = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
_RENEW_AT = 0.8
NOTE_TOPIC = "pull_point"
_MESSAGES = 100
_SAME_WITHIN_S = 2.0
"""The same thing told under two topics (MotionAlarm and CellMotionDetector/Motion) comes within one pull."""
_NOT_HERE = (
    DeviceTrouble.UNREACHABLE,
    DeviceTrouble.HUNG,
    DeviceTrouble.OTHER_DEVICE,
    DeviceTrouble.AUTH_BACKOFF,
)
_FAILURES_FORGIVEN = 2
"""So many pulls in a row may fail on the way before the pull point is given back and made anew."""


@dataclass(slots=True)
class _PullPoint:
    """Where the device keeps our subscription. ``parameters`` are echoed as SOAP headers (Axis, Pelco)."""

    address: str
    endpoint: Endpoint
    parameters: tuple[etree._Element, ...]
    ends_mono_s: float
    renew_mono_s: float
    renewable: bool = True
    failures: int = 0


class PullPoint:
    """Implements EventSubscription. ``pull`` is for one thread; ``close`` may come from another."""

    def __init__(
        self,
        device: Device,
        account: Account,
        services: Services,
        *,
        limits: Limits,
        tally: Tally,
        notebook: Notebook | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = device
        self._session = Session(device, account, services, limits=limits)
        self._account = account
        self._services = services
        self._limits = limits
        self._tally = tally
        self._notebook = notebook
        self._monotonic = monotonic
        self._events: Endpoint | None = None
        self._open: _PullPoint | None = None
        self._last: dict[tuple[SceneTopic, bool | None], tuple[str, float]] = {}
        self._closed = threading.Event()
        self._swap = threading.Lock()

    def pull(self) -> Sequence[CameraEvent]:
        """Wait at most ``Limits.pull_s`` for events; makes the pull point when there is none.

        Raises DeviceError; the caller backs off. Returns nothing once closed.
        """
        if self._closed.is_set():
            return ()
        point = self._usable() or self._create()
        try:
            if point.renewable and self._monotonic() >= point.renew_mono_s:
                self._renew(point)
            content = self._pulled(point)
        except DeviceError as error:
            self._suffer(point, error)
            if self._closed.is_set():
                return ()
            raise
        point.failures = 0
        self._note_lease(point, content)
        notices = read_notices(content, now=datetime.now(UTC), tally=self._tally)
        return [notice.event for notice in notices if not self._told_already(notice)]

    def close(self) -> None:
        """Give the pull point back, best effort, within ``Limits.unsubscribe_s``; idempotent."""
        with self._swap:
            self._closed.set()
            point, self._open = self._open, None
        if point is not None:
            self._give_back(point)
        self._session.close()

    def _usable(self) -> _PullPoint | None:
        point = self._open
        if point is None or self._monotonic() < point.ends_mono_s:
            return point
        self._drop(point, give_back=True)
        return None

    def _create(self) -> _PullPoint:
        if self._events is None:
            self._events = self._found()
        self._give_back_left_over()
        lease = timedelta(seconds=self._limits.lease_s)
        opened = self._session.faulty(self._creation(f"PT{self._limits.lease_s}S"))
        if opened.fault is not None and quirks.wants_absolute_time(opened.fault.codes):
            offset = timedelta(seconds=self._account.clock_error_s or 0.0)
            ends = datetime.now(UTC) + offset + lease
            opened = self._session.faulty(self._creation(ends.strftime("%Y-%m-%dT%H:%M:%SZ")))
        point = self._made(opened)
        self._note(point)
        with self._swap:
            if not self._closed.is_set():
                self._open = point
        if self._closed.is_set():
            self._give_back(point)
            return point
        self._synchronise(point)
        return point

    def _found(self) -> Endpoint:
        if self._account.clock_error_s is None:
            self._session.clock()
        events = read_whereabouts(self._session).find("events")
        if events is None:
            detail = sentences.not_supported(self._session.where, "events")
            raise self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)
        return events

    def _creation(self, termination: str) -> Question:
        assert self._events is not None
        content = element(
            _EVENTS,
            "CreatePullPointSubscription",
            element(_EVENTS, "InitialTerminationTime", text=termination),
        )
        action = f"{_EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
        # Sent at most once: a repetition would take a second slot.
        return plain_question(
            "CreatePullPointSubscription",
            self._events,
            content,
            action=action,
            headers=_addressing(action, str(self._events)),
            repeatable=False,
        )

    def _made(self, opened: Opened) -> _PullPoint:
        where = self._session.where
        if opened.fault is not None:
            self._events = None
            raise self._creation_failed(opened.fault)
        reference = child(opened.content, "SubscriptionReference")
        address = child_text(reference, "Address")
        if not address:
            detail = sentences.broken(where, "CreatePullPointSubscription: no address")
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)
        try:
            endpoint = http_endpoint(address, host=self.device.host, port=self.device.port)
        except AddressRefused as error:
            detail = sentences.bad_address(where, str(error))
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail) from error
        point = _PullPoint(address, endpoint, _reference_parameters(reference), 0.0, 0.0)
        self._lease(point, _granted_s(opened.content) or float(self._limits.lease_s))
        return point

    def _creation_failed(self, fault: Fault) -> DeviceError:
        where, said = self._session.where, str(fault)
        if quirks.no_free_slot(fault.codes, said):
            return self._session.error(DeviceTrouble.BAD_ANSWER, sentences.no_free_slot(where, said))
        if fault.not_supported:
            detail = sentences.not_supported(where, "CreatePullPointSubscription")
            return self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)
        detail = sentences.fault(where, "CreatePullPointSubscription", said)
        return self._session.error(DeviceTrouble.BAD_ANSWER, detail)

    def _synchronise(self, point: _PullPoint) -> None:
        """Ask for the present state of every property; optional, and many devices send it anyway."""
        content = element(_EVENTS, "SetSynchronizationPoint")
        action = f"{_EVENTS}/PullPointSubscription/SetSynchronizationPointRequest"
        try:
            self._session.ask(self._to(point, "SetSynchronizationPoint", content, action, optional=True))
        except DeviceError as error:
            self._tally.add("no_synchronization", error.kind.value)

    def _pulled(self, point: _PullPoint) -> etree._Element:
        content = element(
            _EVENTS,
            "PullMessages",
            element(_EVENTS, "Timeout", text=f"PT{self._limits.pull_s:g}S"),
            element(_EVENTS, "MessageLimit", text=str(_MESSAGES)),
        )
        action = f"{_EVENTS}/PullPointSubscription/PullMessagesRequest"
        opened = self._session.faulty(self._to(point, "PullMessages", content, action))
        if opened.fault is not None:
            detail = sentences.subscription_lost(self._session.where, str(opened.fault))
            raise _Lost(DeviceTrouble.BAD_ANSWER, self.device.id, detail)
        if opened.content is None:
            detail = sentences.broken(self._session.where, "PullMessages: empty")
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)
        return opened.content

    def _renew(self, point: _PullPoint) -> None:
        """Lengthen the lease. A device that cannot renew keeps it by being pulled, or until its end."""
        content = element(
            _NOTIFICATION,
            "Renew",
            element(_NOTIFICATION, "TerminationTime", text=f"PT{self._limits.lease_s}S"),
        )
        action = f"{_NOTIFICATION_ACTIONS}/RenewRequest"
        opened = self._session.faulty(self._to(point, "Renew", content, action))
        if opened.fault is not None:
            if not opened.fault.not_supported:
                self._tally.add("renew_refused")
            point.renewable = False
            return
        self._tally.add("renewed")
        self._lease(point, _granted_s(opened.content) or float(self._limits.lease_s))

    def _note_lease(self, point: _PullPoint, content: etree._Element) -> None:
        """A pull lengthens the lease on most devices; its answer says until when."""
        granted_s = _granted_s(content)
        if granted_s is None:
            return
        if self._monotonic() + granted_s > point.ends_mono_s + 1.0:
            self._lease(point, granted_s)

    def _lease(self, point: _PullPoint, granted_s: float) -> None:
        """Start a lease; never trusted longer than asked for: Bosch grants an hour for a minute."""
        now = self._monotonic()
        trusted_s = min(granted_s, float(self._limits.lease_s))
        point.ends_mono_s = now + trusted_s
        point.renew_mono_s = now + trusted_s * _RENEW_AT

    def _suffer(self, point: _PullPoint, error: DeviceError) -> None:
        """Decide whether the pull point outlives a failure."""
        point.failures += 1
        if isinstance(error, _Lost):
            self._drop(point, give_back=False)
        elif point.failures >= _FAILURES_FORGIVEN and error.kind is not DeviceTrouble.UNREACHABLE:
            self._drop(point, give_back=True)

    def _drop(self, point: _PullPoint, *, give_back: bool) -> None:
        with self._swap:
            if self._open is point:
                self._open = None
        if give_back:
            self._give_back(point)

    def _give_back(self, point: _PullPoint) -> None:
        """Unsubscribe over a connection of its own: the pull may be waiting on the other."""
        session = Session(self.device, self._account, self._services, limits=self._limits)
        content = element(_NOTIFICATION, "Unsubscribe")
        action = f"{_NOTIFICATION_ACTIONS}/UnsubscribeRequest"
        question = self._to(point, "Unsubscribe", content, action, optional=True)
        with contextlib.closing(session), session.transport.within(self._limits.unsubscribe_s):
            try:
                session.ask(question)
            except DeviceError as error:
                self._tally.add("not_given_back", error.kind.value)
                if error.kind in _NOT_HERE:
                    return  # still noted: it is given back when the device is there again
        if self._notebook is not None:
            with contextlib.suppress(StoreFull):
                self._notebook.strike(self.device.id, NOTE_TOPIC)

    def _note(self, point: _PullPoint) -> None:
        """Write down whose slot it is before it is used: a box that loses power gives it back later."""
        if self._notebook is None:
            return
        written = [etree.tostring(each, encoding="unicode") for each in point.parameters]
        with contextlib.suppress(StoreFull):
            document = json.dumps({"address": point.address, "parameters": written})
            self._notebook.note(self.device.id, NOTE_TOPIC, document)

    def _give_back_left_over(self) -> None:
        """Free the slot that this box had when it was killed. One question, and only when there was one."""
        document = None if self._notebook is None else self._notebook.noted(self.device.id, NOTE_TOPIC)
        if document is None:
            return
        try:
            told = json.loads(document)
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            parameters = tuple(etree.fromstring(text, parser) for text in told["parameters"])
            address = str(told["address"])
            endpoint = http_endpoint(address, host=self.device.host, port=self.device.port)
        except (ValueError, KeyError, TypeError, etree.XMLSyntaxError, AddressRefused):
            return
        self._tally.add("left_over")
        self._give_back(_PullPoint(address, endpoint, parameters, 0.0, 0.0))

    def _to(
        self,
        point: _PullPoint,
        operation: str,
        content: etree._Element,
        action: str,
        *,
        optional: bool = False,
    ) -> Question:
        headers = (*_addressing(action, point.address), *(deepcopy(p) for p in point.parameters))
        return plain_question(
            operation, point.endpoint, content, action=action, headers=headers, optional=optional
        )

    def _told_already(self, notice: Notice) -> bool:
        """Whether the same was told under another topic just before: one motion, two topics."""
        event = notice.event
        if event.initial or event.count is not None:
            return False
        now = self._monotonic()
        said, at = self._last.get((event.topic, event.active), ("", 0.0))
        if said and said != notice.said and now - at <= _SAME_WITHIN_S:
            self._tally.add("told_twice", notice.said)
            return True
        self._last[event.topic, event.active] = (notice.said, now)
        return False


class NoEvents:
    """Implements EventSubscription for a device that has none (RTSP only, conference endpoint)."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def pull(self) -> Sequence[CameraEvent]:
        """Raises DeviceError NOT_SUPPORTED, which is not retryable."""
        detail = sentences.not_supported(f"{self.device.host}", "events")
        raise DeviceError(DeviceTrouble.NOT_SUPPORTED, self.device.id, detail)

    def close(self) -> None:
        """Nothing to give back."""


class _Lost(DeviceError):
    """The device no longer knows the pull point: nothing is left to give back."""


def _addressing(action: str, to: str) -> tuple[etree._Element, ...]:
    return (
        element(soap.ADDRESSING, "Action", text=action),
        element(soap.ADDRESSING, "To", text=to),
    )


def _reference_parameters(reference: etree._Element | None) -> tuple[etree._Element, ...]:
    """The device's own marks of the subscription, to be echoed as headers (WS-Addressing 3.4)."""
    found = []
    for node in soap.below(reference, "ReferenceParameters")[:8]:
        echoed = deepcopy(node)
        echoed.tail = None
        echoed.text = (echoed.text or "").strip() or None
        echoed.set(f"{{{soap.ADDRESSING}}}IsReferenceParameter", "true")
        found.append(echoed)
    return tuple(found)


def _granted_s(content: etree._Element | None) -> float | None:
    """TerminationTime minus CurrentTime: both by the device's clock, so its error does not matter."""
    try:
        now = datetime.fromisoformat(child_text(content, "CurrentTime"))
        ends = datetime.fromisoformat(child_text(content, "TerminationTime"))
        granted = (ends - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return granted if granted > 0 else None
