"""What a device tells of its relays and inputs by events: the one way their state can be seen.

Law: no operation of ONVIF reads a relay's state back. A pull point of a few seconds tells it, where the
device has a free slot and the topic (``tns1:Device/Trigger/Relay``, ``…/DigitalInput``); it is always given
back. A device that does not tell leaves the state unknown, and that is no error.
Source: DeviceIO 5.13 (events); recorded Axis: ``RelayToken`` 3, ``LogicalState`` inactive.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices import soap, topics
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.events import addressing, reference_parameters
from agent.devices.session import Question, plain_question
from agent.devices.settings.surface import Surface
from agent.devices.soap import child, child_text, element
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError

RELAY = "Device/Trigger/Relay"
DIGITAL_INPUT = "Device/Trigger/DigitalInput"
_TOKENS = {RELAY: ("RelayToken", "RelayOutputToken", "Token"), DIGITAL_INPUT: ("InputToken", "Token")}
_STATES = {"active": True, "true": True, "1": True, "inactive": False, "false": False, "0": False}
_EVENTS = NAMESPACES["events"]
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_UNSUBSCRIBE = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest"
_LEASE = "PT30S"
_MOST_STATES = 128
_MOST_PULLS = 20
"""A device that answers every pull at once with nothing is not asked without end."""
_SILENCE_S = 1.0
"""States are told at once after a pull point is made; a device silent for longer has told all."""


@dataclass(frozen=True, slots=True)
class _Slot:
    address: str
    endpoint: Endpoint
    parameters: tuple[etree._Element, ...]


class Triggers:
    """States of one topic's contacts by token, as far as the device tells. Made by ``told_by``."""

    def __init__(self, surface: Surface, slot: _Slot | None, topic: str) -> None:
        self._surface = surface
        self._slot = slot
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
        content = element(
            _EVENTS,
            "PullMessages",
            element(_EVENTS, "Timeout", text=f"PT{max(0.1, min(seconds, self._surface.limits.pull_s)):.1f}S"),
            element(_EVENTS, "MessageLimit", text="100"),
        )
        action = f"{_EVENTS}/PullPointSubscription/PullMessagesRequest"
        try:
            answer = self._surface.session.ask(_to(self._slot, "PullMessages", content, action)).content
        except DeviceError:
            self._slot = None
            return []
        return _told(answer, self._topic)

    def _synchronised(self) -> bool:
        if self._slot is None:
            return False
        content = element(_EVENTS, "SetSynchronizationPoint")
        action = f"{_EVENTS}/PullPointSubscription/SetSynchronizationPointRequest"
        try:
            self._surface.session.ask(_to(self._slot, "SetSynchronizationPoint", content, action))
        except DeviceError:
            return False
        return True


@contextlib.contextmanager
def told_by(surface: Surface, topic: str) -> Iterator[Triggers]:
    """The states a device tells while this is open; where it has no slot or no events, none."""
    slot = _opened(surface)
    try:
        yield Triggers(surface, slot, topic)
    finally:
        if slot is not None:
            question = _to(slot, "Unsubscribe", element(_NOTIFICATION, "Unsubscribe"), _UNSUBSCRIBE)
            with contextlib.suppress(DeviceError):
                surface.session.ask(question)


def _opened(surface: Surface) -> _Slot | None:
    """A pull point of our own for half a minute; without a filter, which some makes refuse."""
    try:
        endpoint = surface.find("events")
        if endpoint is None:
            return None
        content = element(
            _EVENTS,
            "CreatePullPointSubscription",
            element(_EVENTS, "InitialTerminationTime", text=_LEASE),
        )
        action = f"{_EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
        question = plain_question(
            "CreatePullPointSubscription",
            endpoint,
            content,
            action=action,
            headers=addressing(action, str(endpoint)),
            optional=True,
            repeatable=False,
        )
        reference = child(surface.session.ask(question).content, "SubscriptionReference")
        address = child_text(reference, "Address") or str(endpoint)
        with contextlib.suppress(AddressRefused):  # else: asked and given back where it was granted
            endpoint = http_endpoint(address, surface.device)
        return _Slot(address, endpoint, reference_parameters(reference))
    except DeviceError:
        return None


def _told(answer: etree._Element | None, topic: str) -> list[tuple[str, bool]]:
    found = []
    for message in () if answer is None else answer:
        said = child(message, "Topic")
        if said is None or topics.normalised(said.text or "", said.nsmap) != topic:
            continue
        inner = child(message, "Message", "Message")
        token = next(filter(None, (_item(inner, "Source", name) for name in _TOKENS[topic])), "")
        state = _STATES.get(_item(inner, "Data", "LogicalState").lower())
        if token and state is not None:
            found.append((token, state))
    return found


def _item(message: etree._Element | None, group: str, name: str) -> str:
    items = soap.below(message, group)
    return next((item.get("Value", "").strip() for item in items if item.get("Name") == name), "")


def _to(slot: _Slot, operation: str, content: etree._Element, action: str) -> Question:
    headers = (*addressing(action, slot.address), *(deepcopy(each) for each in slot.parameters))
    return plain_question(operation, slot.endpoint, content, action=action, headers=headers, optional=True)
