"""Relays and digital inputs as they are set up: ``relay.1.mode``, ``relay.1.delay_s``, ``relay.1.idle``,
``input.1.idle``. Numbers follow the device's order; a token may stand for them (``AlarmOut_0.mode``), and
``relay.1.token`` says which it is: the name under which the device's events tell of it. It cannot be set.

Law: how a relay is switched is ``upkeep.contacts``; here is only what it does when it is. A new mode or idle
state may move the contact at once, and what hangs on it is not known here: both want a confirmation.
Sources: ONVIF Core 8.6 (relays over the device service), DeviceIO 5.8 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices.durations import duration_of, seconds_of
from agent.devices.settings import places, refusals
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.places import Place, text_at, word_attribute
from agent.devices.settings.surface import Surface, named, renamed
from agent.devices.soap import below, child, child_text, local_name
from agent.devices.topic_parsers import source_name
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Settings, Value

_MOST = 64
_LONGEST_S = 86_400.0
_MODES: tuple[Value, ...] = ("Bistable", "Monostable")
_IDLE: tuple[Value, ...] = ("open", "closed")
_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_VALUE, DeviceTrouble.BAD_ANSWER)


def _delay_at(name: str, *path: str) -> Place:
    def get(root: etree._Element) -> Value | None:
        return seconds_of(child_text(root, *path))

    def put(root: etree._Element, value: Value) -> None:
        node = child(root, *path)
        if node is not None and isinstance(value, int | float):
            node.text = duration_of(value)

    return Place(name, get, put)


RELAY: tuple[Place, ...] = (
    text_at("mode", "Properties", "Mode"),
    _delay_at("delay_s", "Properties", "DelayTime"),
    text_at("idle", "Properties", "IdleState"),
)
INPUT: tuple[Place, ...] = (word_attribute("idle", "IdleState"),)


@dataclass(frozen=True, slots=True)
class Contact:
    """One relay output or digital input as it was read. ``role``: ``relay.1``, ``input.2``."""

    token: str
    role: str
    node: etree._Element

    @property
    def name(self) -> str:
        """The token as people are shown it, the same as ``CameraEvent.source`` of its events."""
        return source_name(self.token)


class IoAspect(SettingsAspect):
    """See the head of the file."""

    name = "io"
    rounds = frozenset({"delay_s"})
    _relays: tuple[Contact, ...] = ()
    _inputs: tuple[Contact, ...] = ()
    _over = ""
    """The service that told the relays."""

    def _look(self) -> dict[str, Value]:
        self._inputs = read_inputs(self._surface)
        try:
            self._over, self._relays = read_relays(self._surface)
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED or not self._inputs:
                raise
            self._over, self._relays = "", ()
        found: dict[str, Value] = {}
        for contacts, kinds in ((self._relays, RELAY), (self._inputs, INPUT)):
            for contact in contacts:
                found[f"{contact.role}.token"] = contact.name
                found |= places.read(contact.node, kinds, prefix=f"{contact.role}.")
        return found

    def _bounds(self, _wanted: Settings, /) -> dict[str, Allowed]:
        found: dict[str, Allowed] = {}
        for contact in self._relays:
            told = self._relay_options(contact)
            found |= {f"{contact.role}.{name}": allowed for name, allowed in told.items()}
        for contact in self._inputs:
            found[f"{contact.role}.idle"] = Allowed(values=self._idle_states(contact))
        for contact in (*self._relays, *self._inputs):
            found[f"{contact.role}.token"] = Allowed(values=(contact.name,))
        return found

    def _idle_states(self, contact: Contact) -> tuple[Value, ...]:
        try:
            token = named("deviceio", "Token", contact.token)
            answer = self._surface.ask(
                "deviceio", "GetDigitalInputConfigurationOptions", token, optional=True
            )
        except DeviceError as error:
            if error.kind in _NOT_TOLD:
                return _IDLE
            raise
        told = [child_text(part) for part in below(answer, "DigitalInputOptions")]
        return tuple(word for word in told if word) or _IDLE

    def _relay_options(self, contact: Contact) -> dict[str, Allowed]:
        """What the device says of one relay, else what the standard says of all."""
        found = {
            "mode": Allowed(values=_MODES),
            "delay_s": Allowed(low=0.0, high=_LONGEST_S),
            "idle": Allowed(values=_IDLE),
        }
        if not self._surface.has("deviceio"):
            return found
        try:
            token = named("deviceio", "RelayOutputToken", contact.token)
            answer = self._surface.ask("deviceio", "GetRelayOutputOptions", token, optional=True)
        except DeviceError as error:
            if error.kind in _NOT_TOLD:
                return found
            raise
        return found | _options(_of_token(answer, "RelayOutputOptions", contact.token))

    def _rest(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for contacts, kinds in ((self._relays, RELAY), (self._inputs, INPUT)):
            for contact in contacts:
                found |= places.rest(contact.node, kinds, prefix=contact.role)
        return found

    def _may_follow(self, name: str, changed: Settings, /) -> bool:
        # A bistable relay has no delay: some makes put it back to nothing with the mode.
        role, _, item = name.rpartition(".")
        return item == "delay_s" and f"{role}.mode" in changed

    def _known_as(self, wanted: Settings) -> Settings:
        contacts = (*self._relays, *self._inputs)
        tokens = [contact.token for contact in contacts]
        roles = {contact.token: contact.role for contact in contacts if tokens.count(contact.token) == 1}
        kinds = {
            f"{contact.role.partition('.')[0]}.{contact.token}": contact.role
            for contact in contacts
            if contact.token not in {one.role.partition(".")[2] for one in contacts}
        }
        return places.by_role(wanted, roles | kinds)

    def _dangers(self, changed: Settings, _before: Settings, /) -> Sequence[str]:
        return [
            refusals.may_switch(self._surface.where, name)
            for name in changed
            if name.startswith("relay.") and name.endswith((".mode", ".idle"))
        ]

    def _send(self, changed: Settings) -> None:
        for contact in self._relays:
            if any(name.startswith(f"{contact.role}.") for name in changed):
                self._set_relay(contact, changed)
        for contact in self._inputs:
            if f"{contact.role}.idle" in changed:
                copy = deepcopy(contact.node)
                places.write(copy, INPUT, changed, prefix=f"{contact.role}.")
                written = renamed(copy, "deviceio", "DigitalInputs")
                self._surface.ask("deviceio", "SetDigitalInputConfigurations", written)

    def _set_relay(self, contact: Contact, changed: Settings) -> None:
        copy = deepcopy(contact.node)
        places.write(copy, RELAY, changed, prefix=f"{contact.role}.")
        if self._over == "deviceio":
            written = renamed(copy, "deviceio", "RelayOutput")
            self._surface.ask("deviceio", "SetRelayOutputSettings", written)
            return
        properties = child(copy, "Properties")
        assert properties is not None  # its settings were read from there
        self._surface.ask(
            "devicemgmt",
            "SetRelayOutputSettings",
            named("devicemgmt", "RelayOutputToken", contact.token),
            renamed(properties, "devicemgmt", "Properties"),
        )


def read_relays(surface: Surface) -> tuple[str, tuple[Contact, ...]]:
    """The service that tells of relays, and the relays; DeviceIO where the device service does not.

    An empty list is an answer: the device has none. Raises DeviceError, NOT_SUPPORTED included.
    """
    try:
        answer = surface.ask("devicemgmt", "GetRelayOutputs", optional=True, may_be_empty=True)
        return "devicemgmt", _contacts(answer, "RelayOutputs", "relay")
    except DeviceError as error:
        if error.kind is not DeviceTrouble.NOT_SUPPORTED or not surface.has("deviceio"):
            raise
    answer = surface.ask("devicemgmt", "GetRelayOutputs", optional=True, may_be_empty=True, at="deviceio")
    return "deviceio", _contacts(answer, "RelayOutputs", "relay")


def read_inputs(surface: Surface) -> tuple[Contact, ...]:
    """The digital inputs; none where the device has no DeviceIO service, or nothing of the kind in it."""
    if not surface.has("deviceio"):
        return ()
    try:
        answer = surface.ask("deviceio", "GetDigitalInputs", optional=True, may_be_empty=True)
    except DeviceError as error:
        if error.kind is not DeviceTrouble.NOT_SUPPORTED:
            raise
        return ()
    return _contacts(answer, "DigitalInputs", "input")


def _contacts(answer: etree._Element, tag: str, kind: str) -> tuple[Contact, ...]:
    nodes = [node for node in answer if local_name(node) == tag and (node.get("token") or "").strip()]
    return tuple(
        Contact((node.get("token") or "").strip(), f"{kind}.{number}", deepcopy(node))
        for number, node in enumerate(nodes[:_MOST], start=1)
    )


def _of_token(answer: etree._Element, tag: str, token: str) -> etree._Element | None:
    nodes = [node for node in answer if local_name(node) == tag]
    return next((node for node in nodes if node.get("token") == token), nodes[0] if nodes else None)


def _options(node: etree._Element | None) -> dict[str, Allowed]:
    """RelayOutputOptions: modes, and delays as ``1 60`` (a range) or, when discrete, each of them."""
    if node is None:
        return {}
    modes: tuple[Value, ...] = tuple(
        text for part in node if local_name(part) == "Mode" and (text := (part.text or "").strip())
    )
    found = {"mode": Allowed(values=modes)} if modes else {}
    delays = [delay for word in child_text(node, "DelayTimes").split() if (delay := _delay(word)) is not None]
    if not delays:
        return found
    if child_text(node, "Discrete") in ("true", "1"):
        return found | {"delay_s": Allowed(values=tuple(delays))}
    return found | {"delay_s": Allowed(low=min(delays), high=max(delays))}


def _delay(word: str) -> float | None:
    """Seconds, as a number (deviceio.wsdl) or a duration (seen instead)."""
    try:
        value = float(word)
    except ValueError:
        return seconds_of(word)
    return value if 0.0 <= value <= 1e7 else None
