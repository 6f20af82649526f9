"""What a device tells of its relays and inputs by events: the one way their state can be seen.

Law: no operation of ONVIF reads a relay's state back. A pull point of a few seconds tells it, where the
device has a free slot (``slot``) and the topic (``tns1:Device/Trigger/Relay``, ``…/DigitalInput``). A device
that does not tell leaves the state unknown, and that is no error.
Source: DeviceIO 5.13 (events); recorded Axis: ``RelayToken`` 3, ``LogicalState`` inactive.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from lxml import etree

from agent.devices import topics
from agent.devices.address import Endpoint
from agent.devices.durations import duration_of
from agent.devices.settings.surface import Surface
from agent.devices.slot import Lease, Slot, creation, either_way, granted_s, held, lease, moment
from agent.devices.soap import Opened, child
from agent.devices.topic_parsers import token_of, truth_of, value_of
from agent.errors import DeviceError

RELAY = "Device/Trigger/Relay"
DIGITAL_INPUT = "Device/Trigger/DigitalInput"
_LEASE_S = 30.0
_MOST_STATES = 128
_MOST_PULLS = 20
"""A device that answers every pull at once with nothing is not asked without end."""
_SILENCE_S = 1.0
"""States are told at once after a pull point is made; a device silent for longer has told all."""


class Triggers:
    """States of one topic's contacts by token, as far as the device tells. Made by ``told_by``."""

    def __init__(self, surface: Surface, topic: str, *, slot: Slot | None = None, granted: Lease) -> None:
        self._surface = surface
        self._slot = slot
        self._lease = granted
        self._topic = topic

    def states(self, *, seconds: float) -> Mapping[str, bool]:
        """The last state told of each contact until the device falls silent, at most ``seconds`` long."""
        found: dict[str, bool] = {}
        ends = time.monotonic() + seconds
        while notices := self._pull(min(_SILENCE_S, ends - time.monotonic())):
            for token, state in notices:
                if token in found or len(found) < _MOST_STATES:
                    found[token] = state
        return found

    def becomes(self, token: str, wanted: bool, *, seconds: float) -> bool | None:
        """The state a contact is told to have within ``seconds``, at best ``wanted``; None when none is told.

        A device that tells no change is asked to tell all states again, where it can.
        """
        ends = time.monotonic() + seconds
        told: bool | None = None
        for _ in range(_MOST_PULLS):
            if told is wanted or self._slot is None or time.monotonic() >= ends:
                break
            mine = [state for name, state in self._pull(ends - time.monotonic()) if name == token]
            told = wanted if wanted in mine else mine[-1] if mine else told
        if told is None and self._synchronised():
            told = self.states(seconds=_SILENCE_S).get(token)
        return told

    def _pull(self, seconds: float) -> list[tuple[str, bool]]:
        """One PullMessages. A device that fails it is not asked again."""
        if self._slot is None or seconds <= 0:
            return []
        waiting_s = round(max(0.1, min(seconds, self._surface.limits.pull_s)), 1)
        try:
            self._keep(self._slot)
            answer = self._surface.session.ask(self._slot.pull(waiting_s)).content
        except DeviceError:
            self._slot = None
            return []
        return _told(answer, self._topic)

    def _synchronised(self) -> bool:
        if self._slot is None:
            return False
        try:
            self._surface.session.ask(self._slot.synchronization())
        except DeviceError:
            return False
        return True

    def _keep(self, slot: Slot) -> None:
        """Renew in time; a device that refuses it may still be pulled until the lease ends."""
        if time.monotonic() < self._lease.renew_mono_s:
            return
        self._lease = _leased(self._surface.session.faulty(slot.renewal(duration_of(_LEASE_S))))


@contextlib.contextmanager
def told_by(surface: Surface, topic: str) -> Iterator[Triggers]:
    """The states a device tells while this is open; where it has no slot or no events, none."""
    found = _asked(surface)
    if found is None:
        yield Triggers(surface, topic, granted=_leased(None))
        return
    events, opened = found
    with held(surface.session, opened, events=events) as slot:
        yield Triggers(surface, topic, slot=slot, granted=_leased(opened))


def _asked(surface: Surface) -> tuple[Endpoint, Opened] | None:
    """Where a pull point of our own was asked for, and the answer; None when there is none."""
    try:
        events = surface.find("events")
        if events is None:
            return None
        until = moment(_LEASE_S, clock_error_s=surface.session.account.clock_error_s)
        opened, _ = either_way(
            lambda term: surface.session.faulty(creation(events, term)), duration_of(_LEASE_S), until
        )
        return events, opened
    except DeviceError:
        return None


def _leased(opened: Opened | None) -> Lease:
    granted = None if opened is None else granted_s(opened.content)
    return lease(granted, asked_s=_LEASE_S, now_s=time.monotonic())


def _told(answer: etree._Element | None, topic: str) -> list[tuple[str, bool]]:
    """Tokens and states, read as the event of the same topic is: a port has one name everywhere."""
    meant = topics.meaning(topic)
    assert meant is not None  # both topics of this file are in the table
    found = []
    for message in () if answer is None else answer:
        said = child(message, "Topic")
        if said is None or topics.normalised(said.text or "", said.nsmap) != topic:
            continue
        inner = child(message, "Message", "Message")
        if inner is None:
            continue
        token, state = token_of(inner, meant), truth_of(value_of(inner, meant))
        if token and state is not None:
            found.append((token, state))
    return found
