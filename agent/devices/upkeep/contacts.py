"""Relays switched and inputs looked at: what hangs on them (a gate, a siren) is not known here.

Law: a relay is switched once, by name, never repeated on a doubt. What it then shows is what the device tells
by its events; a device that tells nothing is believed only as far as "it said yes", and that is said.
Source: ONVIF Core 8.6.3 (SetRelayOutputState), DeviceIO 5.7, 5.13.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.devices import sentences
from agent.devices.settings.io import INPUT, RELAY, Contact, read_inputs, read_relays
from agent.devices.settings.places import read
from agent.devices.settings.surface import Surface, named
from agent.devices.upkeep import contact_sentences, triggers
from agent.errors import DeviceTrouble
from agent.management import Settings

log = logging.getLogger(__name__)

_TOLD_WITHIN_S = 3.0
"""Events of a relay come within a second; a device that is slower counts as one that does not tell."""


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """One relay or input: how it is set up, and whether it is active where the device tells.

    ``token`` is for people: one line, at most 64 characters. ``role`` (``relay.1``) always names it.
    """

    token: str
    role: str
    settings: Settings
    active: bool | None = None


class Proof(StrEnum):
    """How far it is known that a relay did what it was told."""

    TOLD = "told"
    """The device told the new state by an event."""
    ACCEPTED = "accepted"
    """The device said yes; it tells no state. Somebody has to look."""


@dataclass(frozen=True, slots=True)
class Switching:
    """What was done to a relay. ``returns_s``: a monostable relay falls back after so many seconds."""

    token: str
    active: bool
    proof: Proof
    returns_s: float | None = None


class Contacts:
    """Relay outputs and digital inputs of one device. All raise DeviceError."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def relays(self, *, with_state: bool = False) -> tuple[ContactSeen, ...]:
        """All relays; ``with_state`` asks the device's events too (a pull point for a few seconds)."""
        with self._surface.lock:
            _, contacts = read_relays(self._surface)
            states = self._states(triggers.RELAY) if with_state and contacts else {}
        return tuple(
            ContactSeen(one.name, one.role, read(one.node, RELAY), states.get(one.token)) for one in contacts
        )

    def inputs(self, *, with_state: bool = False) -> tuple[ContactSeen, ...]:
        """All digital inputs, as ``relays``."""
        with self._surface.lock:
            contacts = read_inputs(self._surface)
            states = self._states(triggers.DIGITAL_INPUT) if with_state and contacts else {}
        return tuple(
            ContactSeen(one.name, one.role, read(one.node, INPUT), states.get(one.token)) for one in contacts
        )

    def switch(self, token: str, *, active: bool) -> Switching:
        """Put one relay into its active or its idle state.

        Raises DeviceError: READ_ONLY, BAD_VALUE for a token the device does not have (nothing was sent),
        NOT_KEPT when the device tells the other state afterwards.
        """
        surface = self._surface
        with surface.lock:
            if not surface.writable:
                detail = sentences.read_only(surface.where, "SetRelayOutputState")
                raise surface.error(DeviceTrouble.READ_ONLY, detail)
            over, contacts = read_relays(surface)
            meant = self._meant(token, contacts)
            with triggers.told_by(surface, triggers.RELAY) as told:
                before = told.states(seconds=_TOLD_WITHIN_S).get(meant.token)
                state = "active" if active else "inactive"
                surface.ask(
                    "devicemgmt",
                    "SetRelayOutputState",
                    named("devicemgmt", "RelayOutputToken", meant.token),
                    named("devicemgmt", "LogicalState", state),
                    at="deviceio" if over == "deviceio" else "",
                )
                log.info("device=%s relay=%s %s", surface.device.id, meant.name, state)
                after = (
                    told.becomes(meant.token, active, seconds=_TOLD_WITHIN_S)
                    if before is not active
                    else active
                )
        return self._outcome(meant, active, after)

    def _outcome(self, contact: Contact, active: bool, told: bool | None) -> Switching:
        """``told``: the state the device tells afterwards, None when it tells none."""
        if told is not None and told is not active:
            detail = contact_sentences.not_switched(self._surface.where, contact.name, active)
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        settings = read(contact.node, RELAY)
        delay = settings.get("delay_s")
        falls_back = active and settings.get("mode") == "Monostable" and isinstance(delay, int | float)
        return Switching(
            contact.name,
            active,
            Proof.ACCEPTED if told is None else Proof.TOLD,
            float(delay) if falls_back and isinstance(delay, int | float) else None,
        )

    def _meant(self, token: str, contacts: tuple[Contact, ...]) -> Contact:
        """By token, else by number or role; a token goes before a number."""
        by_number = {name: one for one in contacts for name in (one.role, one.role.partition(".")[2])}
        meant = {**by_number, **{one.token: one for one in contacts}}
        if token in meant:
            return meant[token]
        there = ", ".join(one.token for one in contacts) or "-"
        detail = contact_sentences.no_relay(self._surface.where, token, there)
        raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _states(self, topic: str) -> Mapping[str, bool]:
        with triggers.told_by(self._surface, topic) as told:
            return told.states(seconds=_TOLD_WITHIN_S)
