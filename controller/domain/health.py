"""What the centre says about a device, given what its box saw of it.

Law: two axes never mixed. The evidence ladder says how far the box got; the verdict says what that
means for the county. A device behind an unreachable box is ``unknown(parent)``, never ``down``.
The box has confirmed a change N of M times before it writes it, so nothing is confirmed again here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.words import DeviceClass, Reason, Rung


class Verdict(StrEnum):
    """What the county may rely on."""

    UNKNOWN = "unknown"
    """Nobody can know right now: not judged yet, or its box is cut off."""
    OK = "ok"
    DEGRADED = "degraded"
    """A picture comes and is not good; an endpoint lives and cannot hold a meeting."""
    DOWN = "down"
    """It cannot be watched, whatever the reason."""
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict with its reason, as intervals keep it."""

    verdict: Verdict
    reason: str


STARTING: Final = Standing(Verdict.UNKNOWN, "starting")
"""Not judged yet."""
PARENT: Final = Standing(Verdict.UNKNOWN, "parent")
"""Its box is unreachable: the device may be fine."""
OK: Final = Standing(Verdict.OK, "ok")

_UNFIT: Final = frozenset({Reason.NOT_REGISTERED, Reason.POOR_LINE})
"""What makes an endpoint that lives unfit for a meeting."""

_FIRST_FAILED: Final = {
    Rung.UNREACHABLE: Reason.UNREACHABLE,
    Rung.REACHABLE: Reason.NO_ONVIF,
    Rung.ONVIF: Reason.AUTH_FAILED,
    Rung.AUTHENTICATED: Reason.NO_STREAM,
}
"""Which failure a rung below streaming stands for, when a box names none."""


def standing_of(device_class: str | None, rung: str | None, reason: str | None) -> Standing:
    """The standing of a device whose last evidence is ``rung`` with ``reason``.

    ``device_class`` None (not identified yet) is judged as a camera. A reason that this version does
    not know stands as it is.
    """
    if rung is None or reason == Reason.STARTING:
        return STARTING
    reached = Rung(rung)
    if reached.height >= _top(device_class).height:
        return Standing(Verdict.DEGRADED, reason) if reason and reason in _UNFIT else OK
    fault = reason if reason and reason != Reason.OK else None
    if reached is Rung.STREAMING:
        return Standing(Verdict.DEGRADED, fault) if fault else OK
    return Standing(Verdict.DOWN, fault or _FIRST_FAILED[reached])


def _top(device_class: str | None) -> Rung:
    if device_class is None:
        return Rung.PICTURE_OK
    return DeviceClass(device_class).top_rung


def box_standing(*, online: bool, seen: bool, reported_status: str | None) -> Standing:
    """The standing of a box itself. ``seen`` False: it was registered and never heard of."""
    if online:
        return OK
    if not seen:
        return STARTING
    reason = "planned_stop" if reported_status == "planned_stop" else "unreachable"
    return Standing(Verdict.DOWN, reason)
