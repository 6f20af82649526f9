"""Decides what the relays and inputs of a device are and how a relay moves.

Law: a monostable relay falls back by itself after its delay; an unknown mode or idle state is refused.
Source: ONVIF Core 8.6, DeviceIO 5.7 to 5.10.
"""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("Bistable", "Monostable")
IDLE_STATES = ("open", "closed")
DELAYS_S = (0.5, 120.0)


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay output."""

    token: str
    mode: str = "Bistable"
    delay_s: float = 5.0
    idle: str = "open"
    active: bool = False
    moves: int = 0
    """How often it was told a state: a fall back counts only when no newer order came."""


@dataclass(frozen=True, slots=True)
class Input:
    """One digital input."""

    token: str
    idle: str = "open"


def relays(tokens: tuple[str, ...]) -> dict[str, Relay]:
    """As from the factory."""
    return {token: Relay(token) for token in tokens}


def inputs(tokens: tuple[str, ...]) -> dict[str, Input]:
    """As from the factory."""
    return {token: Input(token) for token in tokens}


def refused(relay: Relay) -> str:
    """Why a relay cannot be so; "" when it can."""
    if relay.mode not in MODES:
        return f"Mode {relay.mode}"
    if relay.idle not in IDLE_STATES:
        return f"IdleState {relay.idle}"
    if relay.mode == "Monostable" and not DELAYS_S[0] <= relay.delay_s <= DELAYS_S[1]:
        return f"DelayTime {relay.delay_s:g}"
    return ""
