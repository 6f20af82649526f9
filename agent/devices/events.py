"""One pull point of one device: made, pulled, renewed, given back.

    none ──create──> open ──pull──> open ──lease 80 % over──> renew
      ^                └── the device forgot it, or its lease ran out ──┘

Law: never more than one pull point a device: it is given back before another is made (see ``slot``).
Law: whatever a device answers, it is asked at a bounded pace: a pull that is answered at once waits for the
next one's turn, and pull points that vanish as fast as they are made are not made faster than one in 15 s.
A pull point that a restart made the device forget is made anew within the same pull.
Source: ONVIF Core 9.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lxml import etree

from agent.devices import event_sentences, quirks, sentences
from agent.devices.account import Account
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.device_state import StateBook
from agent.devices.durations import duration_of
from agent.devices.echoes import Echoes
from agent.devices.habits import Habit
from agent.devices.identity import read_whereabouts
from agent.devices.limits import Limits
from agent.devices.notifications import Tally, Told, read_told
from agent.devices.session import Session
from agent.devices.slot import (
    NO_ADDRESS,
    Lease,
    Slot,
    creation,
    either_way,
    give_back,
    granted_s,
    lease,
    moment,
    slot_of,
)
from agent.devices.soap import Fault, Opened
from agent.devices.storage import StorageWatch
from agent.devices.strange_topics import StrangeBook
from agent.devices.wsdl import Services
from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import CameraEvent, Device
from agent.ports import Notebook
from runtime.pace import Pace

NOTE_TOPIC = "pull_point"
_FORGOTTEN = (DeviceTrouble.BAD_ANSWER, DeviceTrouble.NO_ONVIF)
"""What is told of a pull point that is gone: a fault, or a web server's page where the address was."""
_NOT_HERE = (
    DeviceTrouble.UNREACHABLE,
    DeviceTrouble.HUNG,
    DeviceTrouble.CERTIFICATE_CHANGED,
    DeviceTrouble.OTHER_DEVICE,
    DeviceTrouble.AUTH_BACKOFF,
)
"""The device was not asked at all: the slot stays noted until it is."""
_MINUTES = 30.0
"""A lease so many times longer than asked for: the device reads seconds as minutes."""
_CUT_OFF_S = 1.0
"""A pull that ends without an answer after less is no habit of the device."""
_LONGER_AGAIN_S = 86_400.0
"""A pull of the whole time is tried again so often: what was learned of long pulls may be over, or wrong."""
_WAITED_OUT = 0.9
"""A pull that waited for so much of its time and was answered was not cut off."""
_FAILURES_FORGIVEN = 2
"""So many pulls in a row may fail on the way before the pull point is given back and made anew."""


@dataclass(slots=True)
class _PullPoint:
    slot: Slot
    lease: Lease
    renewable: bool = True
    failures: int = 0
    served: bool = False
    """Whether it ever answered a pull."""


PULL_BURST, PULL_EVERY_S = 10, 1.0
"""A pull waits up to 5 s at the device, so a quiet one is pulled 12 times a minute. A device that answers at
once is pulled ten times in a row and once a second from then on: events are at most so much later."""
MADE_BURST, MADE_EVERY_S = 3, 15.0
"""Pull points that a device granted. An honest one grants one, and one more after each restart."""


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
        states: StateBook | None = None,
        strangers: StrangeBook | None = None,
        storage: StorageWatch | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """``states`` and ``strangers`` take what is no event; ``wait`` lets time pass."""
        self.device = device
        self._storage = storage
        self._session = Session(device, account, services, limits=limits)
        self._account = account
        self._habits = account.habits
        self._services = services
        self._limits = limits
        self._tally = tally
        self._notebook = notebook
        self._monotonic = monotonic
        self._events: Endpoint | None = None
        self._open: _PullPoint | None = None
        self._echoes = Echoes()
        self._states = states or StateBook()
        self._strangers = strangers or StrangeBook()
        self._pulls = Pace(burst=PULL_BURST, every_s=PULL_EVERY_S)
        self._made_at = Pace(burst=MADE_BURST, every_s=MADE_EVERY_S)
        self._states_unasked = False
        self._cut_off_s: list[float] = []
        self._longer_due_s = monotonic() + _LONGER_AGAIN_S
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._swap = threading.Lock()

    def pull(self) -> Sequence[CameraEvent]:
        """Wait at most ``Limits.pull_s`` for events; makes the pull point when there is none.

        Raises DeviceError; the caller backs off. Returns nothing once closed.
        """
        pause_s = self._pulls.wait_s(self._monotonic())
        if pause_s > 0:
            self._wait(pause_s)
        if self._closed.is_set():
            return ()
        try:
            content = self._content()
        except DeviceError:
            if self._closed.is_set():
                return ()
            raise
        told = read_told(content, now=datetime.now(UTC), tally=self._tally)
        self._ask_for_untold_states(told)
        if self._storage is not None:
            self._storage.take(self.device.id, told.notices)
        return self._passed_on(told)

    def close(self) -> None:
        """Give the pull point back, best effort, within ``Limits.unsubscribe_s``; idempotent."""
        with self._swap:
            self._closed.set()
            point, self._open = self._open, None
        self._states.flush(self.device.id)
        self._strangers.flush(self.device.id)
        if point is not None:
            self._give_back(point.slot)
        self._session.close()

    def _content(self) -> etree._Element:
        """What a pull brought; a pull point that the device forgot is made anew at once, and only once."""
        held = self._usable()
        if held is not None:
            try:
                return self._answer(held)
            except DeviceError as error:
                gone = error.kind in _FORGOTTEN and not isinstance(error, _CutOff)
                if self._open is not None or not gone or self._closed.is_set():
                    raise
        return self._answer(self._create())

    def _answer(self, point: _PullPoint) -> etree._Element:
        """What a pull brought; a failure decides whether the pull point outlives it. Raises DeviceError."""
        try:
            if point.renewable and self._monotonic() >= point.lease.renew_mono_s:
                self._renew(point)
            self._pulls.take(self._monotonic())
            content = self._pulled(point)
        except DeviceError as error:
            self._suffer(point, error)
            raise
        point.failures, point.served = 0, True
        self._cut_off_s.clear()
        self._note_lease(point, content)
        return content

    def _passed_on(self, told: Told) -> Sequence[CameraEvent]:
        """Keep what is state or unknown; return the events that are no echo of another."""
        now_s, device = self._monotonic(), self.device.id
        if told.readings:
            self._states.take(device, told.readings)
        if told.strangers or told.dropped:
            self._strangers.add(device, told.strangers, now=datetime.now(UTC), dropped=told.dropped)
        events = []
        for notice in told.notices:
            event = self._echoes.pass_on(notice.event, now_s=now_s)
            if event is None:
                self._tally.add("told_twice", notice.said)
            else:
                events.append(event)
        return events

    def _usable(self) -> _PullPoint | None:
        point = self._open
        if point is None or self._monotonic() < point.lease.ends_mono_s:
            return point
        if not point.renewable:
            self._habits.doubted(Habit.NO_RENEW)
        self._drop(point)
        return None

    def _create(self) -> _PullPoint:
        pause_s = self._made_at.wait_s(self._monotonic())
        if pause_s > 0:
            detail = event_sentences.pull_points_vanish(self._session.where, pause_s)
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)
        if self._events is None:
            self._events = self._found()
        self._give_back_left_over()
        try:
            opened = self._begun()
        except DeviceError as error:
            if error.kind is DeviceTrouble.BAD_ANSWER:
                self._made_at.take(self._monotonic())  # an answer nobody can read may well be a grant
            raise
        if opened.fault is None:
            self._made_at.take(self._monotonic())
        point = self._made(opened)
        point.renewable = not self._habits.holds(Habit.NO_RENEW)
        try:
            self._judge_lease(point, opened)
            self._note(point)
        except BaseException:
            self._give_back(point.slot)
            raise
        with self._swap:
            if not self._closed.is_set():
                self._open = point
        if self._closed.is_set():
            self._give_back(point.slot)
            return point
        self._synchronise(point)
        return point

    def _begun(self) -> Opened:
        """The answer to a creation, asked as the make is known to want it, else in the other way too."""
        habits = self._habits
        absolute = habits.holds(Habit.ABSOLUTE_TIME)
        if habits.holds(Habit.LEASE_IN_MINUTES) and not absolute:
            opened = self._asked_for(self._term())
            if opened.fault is None or not quirks.wants_absolute_time(opened.fault.codes):
                return opened
            habits.contradicted(Habit.LEASE_IN_MINUTES)
        opened, otherwise = either_way(self._asked_for, *self._terms())
        if otherwise and opened.fault is None:
            (habits.contradicted if absolute else habits.learned)(Habit.ABSOLUTE_TIME)
        return opened

    def _asked_for(self, term: str) -> Opened:
        assert self._events is not None
        return self._session.faulty(creation(self._events, term, optional=False))

    def _terms(self) -> tuple[str, str]:
        """The lease as the make is known to want it, and in the other way."""
        until = moment(self._limits.lease_s, clock_error_s=self._account.clock_error_s)
        absolute = self._habits.holds(Habit.ABSOLUTE_TIME)
        return (until, self._term()) if absolute else (self._term(), until)

    def _term(self) -> str:
        """The lease as a duration; a device that reads seconds as minutes is asked for as many minutes."""
        in_minutes = self._habits.holds(Habit.LEASE_IN_MINUTES)
        return duration_of(math.ceil(self._limits.lease_s / 60) if in_minutes else self._limits.lease_s)

    def _judge_lease(self, point: _PullPoint, opened: Opened) -> None:
        """Whether the device reads seconds as minutes; one that was thought to is renewed at once."""
        granted, asked = granted_s(opened.content), float(self._limits.lease_s)
        if granted is None or self._habits.holds(Habit.ABSOLUTE_TIME):
            return
        if not self._habits.holds(Habit.LEASE_IN_MINUTES):
            if granted >= _MINUTES * asked:
                self._habits.learned(Habit.LEASE_IN_MINUTES)
        elif granted < asked / 2:
            self._habits.contradicted(Habit.LEASE_IN_MINUTES)
            point.lease = replace(point.lease, renew_mono_s=self._monotonic())

    def _found(self) -> Endpoint:
        if self._account.clock_error_s is None:
            self._session.clock()
        events = read_whereabouts(self._session).find("events")
        if events is None:
            detail = sentences.not_supported(self._session.where, "events")
            raise self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)
        return events

    def _made(self, opened: Opened) -> _PullPoint:
        where = self._session.where
        if opened.fault is not None:
            self._events = None
            raise self._creation_failed(opened.fault)
        assert self._events is not None
        slot = slot_of(opened, self.device, events=self._events)
        if slot.refused:
            self._give_back(slot)
            if slot.refused == NO_ADDRESS:
                detail = sentences.broken(where, "CreatePullPointSubscription: no address")
            else:
                detail = sentences.bad_address(where, slot.refused)
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)
        return _PullPoint(slot, self._leased(granted_s(opened.content)))

    def _creation_failed(self, fault: Fault) -> DeviceError:
        where, said = self._session.where, self._session.words_of(fault)
        if quirks.no_free_slot(fault.codes, said):
            return self._session.error(DeviceTrouble.BAD_ANSWER, sentences.no_free_slot(where, said))
        if fault.not_supported:
            detail = sentences.not_supported(where, "CreatePullPointSubscription")
            return self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)
        detail = sentences.fault(where, "CreatePullPointSubscription", said)
        return self._session.error(DeviceTrouble.BAD_ANSWER, detail)

    def _synchronise(self, point: _PullPoint) -> None:
        """Ask for the present state of every property; optional, and many devices send it anyway."""
        self._states_unasked = self._habits.holds(Habit.NO_SYNCHRONIZATION)
        if not self._states_unasked:
            self._ask_states(point)

    def _ask_for_untold_states(self, told: Told) -> None:
        """After the first pull of a device not asked for its states: it is asked unless it told them."""
        point = self._open
        if not self._states_unasked or point is None:
            return
        self._states_unasked = False
        if not any(notice.event.initial for notice in told.notices):
            self._ask_states(point)

    def _ask_states(self, point: _PullPoint) -> None:
        try:
            self._session.ask(point.slot.synchronization())
        except DeviceError as error:
            self._tally.add("no_synchronization", error.kind.value)
            if error.kind is DeviceTrouble.NOT_SUPPORTED:
                self._habits.learned(Habit.NO_SYNCHRONIZATION)
            return
        self._habits.contradicted(Habit.NO_SYNCHRONIZATION)

    def _pulled(self, point: _PullPoint) -> etree._Element:
        asked_s = self._pull_s()
        began = self._monotonic()
        try:
            opened = self._session.faulty(point.slot.pull(asked_s, optional=False))
        except DeviceError as error:
            waited_s = self._monotonic() - began
            self._tried_longer(asked_s)
            if error.kind is not DeviceTrouble.BAD_ANSWER or waited_s < _CUT_OFF_S:
                raise
            self._note_cut_off(waited_s)
            raise _CutOff(error.kind, error.device, error.detail) from error
        if opened.fault is not None:
            self._tried_longer(asked_s)
            said = self._session.words_of(opened.fault)
            detail = sentences.subscription_lost(self._session.where, said)
            raise _Lost(DeviceTrouble.BAD_ANSWER, self.device.id, detail)
        if opened.content is None:
            detail = sentences.broken(self._session.where, "PullMessages: empty")
            raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)
        if self._monotonic() - began >= _WAITED_OUT * asked_s and self._tried_longer(asked_s):
            self._habits.contradicted(Habit.LONGEST_PULL_S)
        return opened.content

    def _pull_s(self) -> float:
        """How long a pull waits: as configured, or less where the make cuts longer ones off."""
        learned = self._habits.value(Habit.LONGEST_PULL_S)
        if learned is None or self._monotonic() >= self._longer_due_s:
            return self._limits.pull_s
        return min(self._limits.pull_s, max(1.0, learned))

    def _tried_longer(self, asked_s: float) -> bool:
        """Whether a pull was longer than what was learned to be safe; the next such one is a day away."""
        learned = self._habits.value(Habit.LONGEST_PULL_S)
        longer = learned is not None and asked_s > learned
        if longer:
            self._longer_due_s = self._monotonic() + _LONGER_AGAIN_S
        return longer

    def _note_cut_off(self, waited_s: float) -> None:
        """Two pulls in a row without an answer after a while: longer ones are cut off here.

        Four fifths of the shorter wait are safe.
        """
        if self._closed.is_set():
            return
        self._cut_off_s = [*self._cut_off_s, waited_s][-2:]
        if len(self._cut_off_s) == 2:
            self._habits.learned(Habit.LONGEST_PULL_S, max(1.0, round(min(self._cut_off_s) * 0.8, 1)))

    def _renew(self, point: _PullPoint) -> None:
        """Lengthen the lease. A device that cannot renew keeps it by being pulled, or until its end."""
        opened, _ = either_way(
            lambda term: self._session.faulty(point.slot.renewal(term, optional=False)), *self._terms()
        )
        if opened.fault is not None:
            if opened.fault.not_supported:
                self._habits.learned(Habit.NO_RENEW)
            else:
                self._tally.add("renew_refused")
            point.renewable = False
            return
        self._tally.add("renewed")
        self._habits.contradicted(Habit.NO_RENEW)
        point.lease = self._leased(granted_s(opened.content))

    def _note_lease(self, point: _PullPoint, content: etree._Element) -> None:
        """A pull lengthens the lease on most devices; its answer says until when."""
        granted = granted_s(content)
        if granted is None:
            return
        if self._monotonic() + granted > point.lease.ends_mono_s + 1.0:
            point.lease = self._leased(granted)

    def _leased(self, granted: float | None) -> Lease:
        return lease(granted, asked_s=float(self._limits.lease_s), now_s=self._monotonic())

    def _suffer(self, point: _PullPoint, error: DeviceError) -> None:
        """Decide whether the pull point outlives a failure."""
        point.failures += 1
        gone = error.kind in _FORGOTTEN and point.served and not isinstance(error, _CutOff)
        worn = point.failures >= _FAILURES_FORGIVEN and error.kind is not DeviceTrouble.UNREACHABLE
        if isinstance(error, _Lost) or gone or worn:
            self._drop(point)

    def _drop(self, point: _PullPoint) -> None:
        """Let go of it, and give it back: a device that faults a pull may well keep the slot."""
        with self._swap:
            if self._open is point:
                self._open = None
        self._give_back(point.slot)

    def _give_back(self, slot: Slot) -> None:
        error = give_back(self._session, slot)
        if error is not None:
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
        written = [etree.tostring(each, encoding="unicode") for each in point.slot.parameters]
        with contextlib.suppress(StoreFull):
            document = json.dumps({"address": point.slot.address, "parameters": written})
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
            endpoint = http_endpoint(address, self.device)
        except (ValueError, KeyError, TypeError, etree.XMLSyntaxError, AddressRefused):
            return
        self._tally.add("left_over")
        self._give_back(Slot(address, endpoint, parameters))


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


class _CutOff(DeviceError):
    """The device hung up on a pull that waited: it may well know the pull point still."""


class _Lost(DeviceError):
    """The device answers a pull with a fault: it most likely does not know the pull point any more."""
